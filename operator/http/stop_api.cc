#include "http/stop_api.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/json_depth.h"
#include "controllers/resources.h"
#include "http/problem.h"
#include "ledger/store.h"

namespace purser::http {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestReason = 256;  // as the CRD has it

// "": none is given.
std::string ReasonOf(const std::string& body) {
  if (!DepthWithin(body)) return "";
  const auto document = json::parse(body, nullptr, false);
  if (!document.is_object()) return "";
  const auto found = document.find("reason");
  if (found == document.end() || !found->is_string()) return "";
  return ledger::CutText(found->get<std::string>(), kLongestReason);
}

void Stop(kube::Client& client, const kube::ObjectKey& pool, const std::string& reason,
          const Reply& reply) {
  const json patch{{"spec", {{"stop", {{"reason", reason}}}}}};
  const auto written = client.MergePatch(kube::ObjectPath(controllers::PoolType(), pool),
                                         patch.dump(-1, ' ', false, json::error_handler_t::replace),
                                         {{"fieldManager", "purser-api"}});
  if (!written) return reply->Send(ProblemOf(written.error()));
  const nlohmann::ordered_json answer{
      {"namespace", pool.ns}, {"pool", pool.name}, {"reason", reason}};
  reply->Send(
      {200, "application/json", answer.dump(-1, ' ', false, json::error_handler_t::replace), {}});
}

}  // namespace

void AddStop(Router& router, kube::Client& client, Worker& worker) {
  router.Add(
      "POST", "/v1/pools/{namespace}/{name}/stop", Right{"create", "agentstops"},
      [&client, &worker](Request& request, const Reply& reply) {
        const auto reason = ReasonOf(request.body);
        if (reason.empty()) {
          return reply->Send(
              Problem(400, "want {\"reason\": \"…\"}, which people will read", "reason"));
        }
        const kube::ObjectKey pool{request.segments["namespace"], request.segments["name"]};
        const bool asked = worker.Do(
            [&client, pool,
             full = ledger::CutText(reason + " (" + request.caller->name() + ")", kLongestReason),
             reply] { Stop(client, pool, full, reply); });
        if (!asked) reply->Send(Problem(429, "too much waits; come again"));
      });
}

}  // namespace purser::http
