#include "app/restore.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "api/codec.h"
#include "app/ledger_claim.h"
#include "base/pause.h"
#include "controllers/agent_pool/limits_publisher.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/agent_pool/saved_status.h"
#include "controllers/agent_pool/workload_scaler.h"
#include "controllers/kind_watches.h"
#include "controllers/resources.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/leader_election.h"
#include "net/cpprest/cpprest_transport.h"
#include "workloads/kind.h"
#include "workloads/kinds.h"
#include "workloads/scale_actuator.h"
#include "workloads/workload.h"

namespace purser::app {
namespace {

using std::chrono::steady_clock;

// Policies are told of a pool's change a moment later.
constexpr std::chrono::milliseconds kFenceLearnsWithin{200};
constexpr int kMostRefusals = 6;

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

// Nothing is taken any more: which ledger knew of it is of no more interest.
Status ForgetLedger(kube::Client& client, const std::string& reference) {
  const auto slash = reference.find('/');
  if (slash == std::string::npos) {
    return Error(ErrorCode::kInvalidArgument,
                 "--forget-lease \"" + reference + "\" is not NAMESPACE/NAME");
  }
  const kube::ObjectKey key{reference.substr(0, slash), reference.substr(slash + 1)};
  const nlohmann::json patch{{"metadata", {{"annotations", {{kLedgerAnnotation, nullptr}}}}}};
  const auto patched = client.MergePatch(kube::ObjectPath(kube::LeaseType(), key), patch.dump());
  if (patched || patched.error().code() == ErrorCode::kNotFound) return Ok();
  return patched.error().WithContext("Lease " + reference);
}

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

using Pools = std::vector<std::shared_ptr<const api::AgentPool>>;
using SavedByUid = std::map<std::string, workloads::Saved>;  // of the workload

// What the statuses of the pools tell of workloads.
SavedByUid SavedIn(const Pools& pools) {
  SavedByUid saved;
  for (const auto& pool : pools) {
    for (const auto& agent : pool->status.agents) {
      for (const auto& taken : agent.workloads)
        saved.insert_or_assign(taken.uid, controllers::SavedOf(*pool, taken));
      auto one = controllers::SavedOf(*pool, agent);
      if (one && !one->workload_uid.empty())
        saved.insert_or_assign(one->workload_uid, std::move(*one));
    }
  }
  return saved;
}

Status RestoreWorkloads(kube::Client& client, const workloads::Kind& kind,
                        kube::Informer<workloads::Workload>& workloads, const SavedByUid& saved,
                        int& restored) {
  const auto known = [&](const workloads::Workload& workload) -> std::optional<workloads::Saved> {
    const auto found = saved.find(workload.meta.uid);
    return found == saved.end() ? std::nullopt : std::optional(found->second);
  };
  std::vector<std::shared_ptr<const workloads::Workload>> taken;
  workloads.ForEach([&](const auto& workload) {
    if (workload->meta.annotations.contains(std::string(workloads::kSavedAnnotation)) ||
        known(*workload))
      taken.push_back(workload);
  });
  Status first = Ok();
  for (const auto& workload : taken) {
    const auto state = workloads::StateOf(kind, *workload, known(*workload));
    if (!state.doubt.empty())
      spdlog::warn("{}={} {}", kind.id(), workload->meta.key().ToString(), state.doubt);
    const auto done = controllers::RestoreWorkload(client, kind, *workload, known(*workload));
    if (!done) {
      spdlog::error("{}", done.error().message());
      KeepFirst(first, Status(done.error()));
    } else if (*done) {
      ++restored;
      spdlog::info("{}={} {}", kind.id(), workload->meta.key().ToString(), (*done)->explanation);
      workloads.Observe((*done)->workload);
    }
  }
  return first;
}

// Of whatever kinds the pools name, or have taken something from.
std::set<api::WorkloadRef> KindsOf(const Pools& pools) {
  std::set<api::WorkloadRef> kinds;
  for (const auto& pool : pools) {
    controllers::WorkloadMemories taken;
    for (const auto& agent : pool->status.agents) {
      const auto add = [&](const api::WorkloadRef& reference) {
        auto& memory = taken[controllers::NameOf(reference)];
        memory.reference = reference;
        memory.saved.emplace();
      };
      for (const auto& one : agent.workloads) add(one.workload);
      if (agent.workload && agent.saved_replicas) add(*agent.workload);
    }
    kinds.merge(controllers::WorkloadScaler::KindsOf(*pool, taken));
    for (auto& kind : controllers::FieldKindsOf(*pool)) kinds.insert(std::move(kind));
  }
  return kinds;
}

// Until each is listed, or cannot be: then it is told. False when time is over before.
bool WaitForKinds(const controllers::KindWatches& watches, const std::set<api::WorkloadRef>& kinds,
                  const Deadline& deadline) {
  constexpr std::chrono::milliseconds kLookEvery{50};
  for (const auto& kind : kinds) {
    auto sight = watches.Of(kind);
    while (!sight.watch && sight.problem.message.empty()) {
      if (deadline.Over()) return false;
      deadline.Pause(kLookEvery);
      sight = watches.Of(kind);
    }
    if (!sight.watch) spdlog::warn("{}; what was taken there is left", sight.problem.message);
  }
  return true;
}

// The fence of the chart holds what the pools' statuses say until it knows of this. Whether it was
// told of any.
bool Announce(kube::Client& client, const Pools& pools) {
  bool announced = false;
  for (const auto& pool : pools) {
    const auto& finalizers = pool->meta.finalizers;
    if (std::find(finalizers.begin(), finalizers.end(), controllers::kFinalizer) ==
            finalizers.end() ||
        pool->meta.annotations.contains(controllers::kRestoringAnnotation)) {
      continue;
    }
    const auto done = controllers::AddRestoringAnnotation(client, *pool);
    if (!done) spdlog::warn("{}", done.error().message());
    announced = announced || done.ok();
  }
  return announced;
}

// Published limits are restored, and the pool is let go.
Status LetPoolsGo(kube::Client& client, const controllers::KindWatches& kinds, const Pools& pools) {
  controllers::LimitsPublisher limits(client, kinds, nullptr, nullptr);
  Status first = Ok();
  for (const auto& pool : pools) {
    const auto restored = limits.Restore(*pool, SystemClock().Now());
    for (const auto& target : restored.targets)
      spdlog::warn("pool={} {}", pool->meta.key().ToString(), target.problem);
    Status done = restored.retry;
    if (done.ok()) {
      if (const auto removed = controllers::RemoveFinalizer(client, *pool); !removed)
        done = removed.error();
    }
    if (done.ok()) continue;
    spdlog::error("{}", done.error().message());
    KeepFirst(first, done);
  }
  return first;
}

// Whether the API server knows AgentPools at all: their definition may have
// been deleted first.
Result<bool> KnowsPools(kube::Client& client, const std::vector<std::string>& namespaces) {
  const auto path =
      kube::CollectionPath(controllers::PoolType(), namespaces.empty() ? "" : namespaces.front());
  const auto listed = client.List(path, {{"limit", "1"}}, [](std::string_view) { return Ok(); });
  if (listed) return true;
  if (listed.error().code() == ErrorCode::kNotFound) return false;
  return listed.error();
}

}  // namespace

Status Restore(const RestoreOptions& options, std::stop_token stop) {
  auto transport = net::MakeCpprestTransport({options.access.tls, options.access.proxy_url, true});
  if (!transport) return transport.error();
  kube::Client client(**transport, options.access);
  return RestoreThrough(client, options, std::move(stop));
}

Status RestoreThrough(kube::Client& client, const RestoreOptions& options, std::stop_token stop) {
  const Deadline deadline(options.timeout, stop);
  if (!options.stop_stateful_set.empty()) {
    PURSER_RETURN_IF_ERROR(StopOperator(client, options.stop_stateful_set, deadline));
  }

  controllers::KindWatches kinds(client, options.namespaces,
                                 [](const std::string&) { return kube::InformerOptions{}; });
  kube::Informer<api::AgentPool> pools(
      client, controllers::PoolType(), options.namespaces,
      [](simdjson::dom::element object) { return api::DecodeAgentPool(object); });
  const auto knows_pools = KnowsPools(client, options.namespaces);
  if (!knows_pools) return knows_pools.error();
  if (!*knows_pools) {
    spdlog::warn(
        "there are no AgentPools in this cluster (their definition is "
        "gone): workloads are "
        "restored from their annotations alone");
  }
  kinds.Start();
  if (*knows_pools) pools.Start();
  auto& deployments = kinds.deployments()->informer;
  auto& stateful_sets = kinds.stateful_sets()->informer;
  if (!deployments.WaitForSync(deadline.Left(), stop) ||
      !stateful_sets.WaitForSync(deadline.Left(), stop) ||
      (*knows_pools && !pools.WaitForSync(deadline.Left(), stop))) {
    for (const auto& problem : {deployments.Problem(), stateful_sets.Problem(), pools.Problem()}) {
      if (problem) return problem->WithContext("workloads could not be listed");
    }
    return Error(ErrorCode::kTimeout, "workloads could not be listed in time");
  }

  int restored = 0;
  int refusals = 0;
  Status done = Ok();
  do {
    Pools all;
    pools.ForEach([&](const auto& pool) { all.push_back(pool); });
    if (Announce(client, all)) deadline.Pause(kFenceLearnsWithin);
    const auto saved = SavedIn(all);
    const auto named = KindsOf(all);
    kinds.Name({}, named);
    if (!WaitForKinds(kinds, named, deadline))
      return Error(ErrorCode::kTimeout, "workloads could not be listed in time");
    done = Ok();
    for (const auto& watch : kinds.All()) {
      KeepFirst(done, RestoreWorkloads(client, *watch->kind, watch->informer, saved, restored));
    }
    // A pool whose workload is not restored keeps its hold, and what its status
    // tells.
    if (done.ok()) done = LetPoolsGo(client, kinds, all);
    if (done.ok()) break;
    const auto code = done.error().code();
    const bool refused = code == ErrorCode::kPermissionDenied && ++refusals < kMostRefusals;
    if (!refused && code != ErrorCode::kConflict && code != ErrorCode::kUnavailable) break;
    deadline.Pause(std::chrono::milliseconds(500));
  } while (!deadline.Over());
  spdlog::info("restored workloads={}", restored);
  if (done.ok() && !options.forget_lease.empty()) return ForgetLedger(client, options.forget_lease);
  return done;
}

}  // namespace purser::app
