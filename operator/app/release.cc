#include "app/release.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "api/codec.h"
#include "base/pause.h"
#include "controllers/agent_pool/limits_publisher.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/resources.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "net/cpprest/cpprest_transport.h"
#include "workloads/kinds.h"
#include "workloads/scale_actuator.h"
#include "workloads/workload.h"
#include "workloads/workload_plan.h"

namespace purser::app {
namespace {

using std::chrono::steady_clock;

class Deadline {
 public:
  Deadline(Duration timeout, std::stop_token stop)
      : end_(steady_clock::now() + timeout), stop_(std::move(stop)) {}
  Duration Left() const {
    return std::max(Duration::zero(),
                    std::chrono::duration_cast<Duration>(end_ - steady_clock::now()));
  }
  bool Over() const { return stop_.stop_requested() || Left() == Duration::zero(); }
  const std::stop_token& stop() const { return stop_; }
  void Pause(Duration duration) const { purser::Pause(std::min(duration, Left()), stop_); }

 private:
  steady_clock::time_point end_;
  std::stop_token stop_;
};

// Scales the operator's StatefulSet to 0 and waits until its pods are gone.
Status StopOperator(kube::Client& client, const std::string& reference, const Deadline& deadline) {
  const auto slash = reference.find('/');
  if (slash == std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 "--stop-statefulset \"" + reference + "\" is not NAMESPACE/NAME");
  }
  const kube::ObjectKey key{reference.substr(0, slash), reference.substr(slash + 1)};
  const auto path = kube::ObjectPath(workloads::StatefulSetType(), key);
  auto scaled = client.MergePatch(path, R"({"spec":{"replicas":0}})");
  if (!scaled) {
    if (scaled.error().code() == ErrorCode::kNotFound) return Ok();
    return scaled.error().WithContext("StatefulSet " + reference);
  }
  spdlog::info("statefulset={} scaled to 0, waiting for its pods to end", reference);
  while (!deadline.Over()) {
    const auto now = client.Get(path);
    if (!now) {
      if (now.error().code() == ErrorCode::kNotFound) return Ok();
      spdlog::warn("statefulset={} {}", reference, now.error().message());
    } else {
      const auto document = nlohmann::json::parse(*now, nullptr, false);
      if (document.is_object()) {
        const auto& status = document.value("status", nlohmann::json::object());
        const bool seen = status.value("observedGeneration", std::int64_t{0}) >=
                          document["metadata"].value("generation", std::int64_t{0});
        if (seen && status.value("replicas", 0) == 0) return Ok();
      }
    }
    deadline.Pause(std::chrono::milliseconds(200));
  }
  return Error(ErrorCode::kTimeout, "StatefulSet " + reference +
                                        " still has pods; look at kubectl get pods -n " + key.ns +
                                        " and run this again");
}

Status RestoreWorkloads(kube::Client& client, const kube::ResourceType& type,
                        kube::Informer<workloads::Workload>& workloads, int& restored) {
  std::vector<std::shared_ptr<const workloads::Workload>> taken;
  workloads.ForEach([&](const auto& workload) {
    if (workload->meta.annotations.contains(std::string(workloads::kSavedAnnotation)))
      taken.push_back(workload);
  });
  Status first = Ok();
  for (const auto& workload : taken) {
    if (!workloads::StateOf(*workload).state.saved) {
      spdlog::warn("{}={} annotation {} cannot be read, left alone", type.kind,
                   workload->meta.key().ToString(), workloads::kSavedAnnotation);
      continue;
    }
    const auto given_back = controllers::RestoreWorkload(client, type, *workload, std::nullopt);
    if (!given_back) {
      spdlog::error("{}", given_back.error().message());
      if (first.ok()) first = given_back.error();
    } else if (*given_back) {
      ++restored;
      spdlog::info("{}={} {}", type.kind, workload->meta.key().ToString(),
                   (*given_back)->explanation);
    }
  }
  return first;
}

// Published limits are opened, and the pool is let go.
Status ReleasePools(kube::Client& client, kube::Informer<api::AgentPool>& pools) {
  std::vector<std::shared_ptr<const api::AgentPool>> all;
  pools.ForEach([&](const auto& pool) { all.push_back(pool); });
  controllers::LimitsPublisher limits(client);
  Status first = Ok();
  for (const auto& pool : all) {
    Status released = limits.Open(*pool);
    if (released.ok()) {
      if (const auto removed = controllers::RemoveFinalizer(client, *pool); !removed)
        released = removed.error();
    }
    if (released.ok()) continue;
    spdlog::error("{}", released.error().message());
    if (first.ok()) first = released;
  }
  return first;
}

}  // namespace

Status Release(const ReleaseOptions& options, std::stop_token stop) {
  const Deadline deadline(options.timeout, stop);
  auto transport = net::MakeCpprestTransport({options.access.tls, options.access.proxy_url, true});
  if (!transport) return transport.error();
  kube::Client client(**transport, options.access);
  if (!options.stop_stateful_set.empty()) {
    PURSER_RETURN_IF_ERROR(StopOperator(client, options.stop_stateful_set, deadline));
  }

  kube::Informer<workloads::Workload> deployments(client, workloads::DeploymentType(),
                                                  options.namespaces, workloads::DecodeWorkload);
  kube::Informer<workloads::Workload> stateful_sets(client, workloads::StatefulSetType(),
                                                    options.namespaces, workloads::DecodeWorkload);
  kube::Informer<api::AgentPool> pools(
      client, controllers::PoolType(), options.namespaces,
      [](simdjson::dom::element object) { return api::DecodeAgentPool(object); });
  deployments.Start();
  stateful_sets.Start();
  pools.Start();
  if (!deployments.WaitForSync(deadline.Left(), stop) ||
      !stateful_sets.WaitForSync(deadline.Left(), stop) ||
      !pools.WaitForSync(deadline.Left(), stop)) {
    for (const auto& problem : {deployments.Problem(), stateful_sets.Problem(), pools.Problem()}) {
      if (problem) return problem->WithContext("workloads could not be listed");
    }
    return Error(ErrorCode::kTimeout, "workloads could not be listed in time");
  }

  int restored = 0;
  Status done = Ok();
  do {
    const auto workloads =
        RestoreWorkloads(client, workloads::DeploymentType(), deployments, restored);
    const auto sets =
        RestoreWorkloads(client, workloads::StatefulSetType(), stateful_sets, restored);
    const auto released = ReleasePools(client, pools);
    done = !workloads.ok() ? workloads : !sets.ok() ? sets : released;
    if (done.ok() || (done.error().code() != ErrorCode::kConflict &&
                      done.error().code() != ErrorCode::kUnavailable)) {
      break;
    }
    deadline.Pause(std::chrono::milliseconds(500));
  } while (!deadline.Over());
  spdlog::info("released workloads={}", restored);
  return done;
}

}  // namespace purser::app
