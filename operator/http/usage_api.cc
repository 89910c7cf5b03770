#include "http/usage_api.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "http/problem.h"
#include "usage/records/litellm_body.h"

namespace purser::http {
namespace {

using usage::records::Decoded;
using usage::records::Intake;
using usage::records::Taken;

const Right kCreateUsages{"create", "agentusages"};

Intake* ChosenFrom(const Intakes& intakes, const std::string& source) {
  if (!source.empty()) {
    const auto found = intakes.find(source);
    return found == intakes.end() ? nullptr : found->second;
  }
  if (const auto found = intakes.find("default"); found != intakes.end()) return found->second;
  return intakes.size() == 1 ? intakes.begin()->second : nullptr;
}

net::Answer NoSource(const Intakes& intakes) {
  std::string names;
  for (const auto& [name, intake] : intakes) names += (names.empty() ? "" : ", ") + name;
  return Problem(404,
                 names.empty()
                     ? "no source takes records: set usage: true on one in the operator's "
                       "configuration"
                     : "no such source takes records; those that do: " + names,
                 "source");
}

// With a 400 where nothing of the request was taken.
net::Answer AnswerOf(const Taken& taken) {
  nlohmann::ordered_json rejected = nlohmann::ordered_json::array();
  for (const auto& one : taken.rejected)
    rejected.push_back({{"index", one.index}, {"id", one.id}, {"reason", one.reason}});
  const bool none = taken.accepted + taken.duplicate + taken.held == 0 && !rejected.empty();
  nlohmann::ordered_json document;
  if (none) {
    document = {{"type", "about:blank"},
                {"title", "Bad Request"},
                {"status", 400},
                {"detail", "no record was taken: " + taken.rejected.front().reason},
                {"field", "[" + std::to_string(taken.rejected.front().index) + "]"}};
  }
  document["accepted"] = taken.accepted;
  document["duplicate"] = taken.duplicate;
  document["held"] = taken.held;
  document["rejected"] = std::move(rejected);
  return {none ? 400 : 200, none ? "application/problem+json" : "application/json",
          document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

std::vector<std::string> NamespacesOf(const Decoded& decoded) {
  std::set<std::string_view> names;
  for (const auto& record : decoded.records) names.insert(record.ns);
  return {names.begin(), names.end()};
}

}  // namespace

void AddUsageForm(Router& router, const Intakes& intakes, const std::string& path,
                  DecodeBody decode) {
  router.Add(
      "POST", path, [intakes, decode = std::move(decode)](Request& request, const Reply& reply) {
        auto* intake = ChosenFrom(intakes, request.Query("source"));
        if (intake == nullptr) return reply->Send(NoSource(intakes));
        auto read = decode(request.body, request.caller->home());
        if (!read) {
          const bool many = read.error().code() == ErrorCode::kResourceExhausted;
          return reply->Send(many ? Problem(413, read.error().message()) : ProblemOf(read.error()));
        }
        auto decoded = std::make_shared<Decoded>(std::move(*read));
        request.caller->Check(
            kCreateUsages, NamespacesOf(*decoded), [intake, decoded, reply](const Status& may) {
              if (!may.ok()) return reply->Send(ProblemOf(may.error()));
              const bool taken = intake->Submit(std::move(*decoded), [reply](Result<Taken> result) {
                reply->Send(result ? AnswerOf(*result) : ProblemOf(result.error()));
              });
              if (!taken)
                reply->Send(Problem(429, "more records wait than can be written; come again"));
            });
      });
}

void AddUsage(Router& router, const Intakes& intakes) {
  AddUsageForm(router, intakes, "/v1/usage", [](std::string& body, const std::string& home) {
    return usage::records::DecodeUsage(body, home);
  });
  AddUsageForm(router, intakes, "/v1/usage/litellm",
               [](const std::string& body, const std::string& home) {
                 return usage::records::DecodeLiteLlm(body, home);
               });
}

}  // namespace purser::http
