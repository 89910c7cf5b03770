#include "controllers/agent_pool/restore.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "controllers/resources.h"
#include "workloads/scale_actuator.h"
#include "workloads/workload_plan.h"

namespace purser::controllers {
namespace {

Result<std::optional<std::string>> PatchMetadata(kube::Client& client, const api::AgentPool& pool,
                                                 const nlohmann::json& metadata) {
  const nlohmann::json patch{{"metadata", metadata}};
  auto answer = client.MergePatch(kube::ObjectPath(PoolType(), pool.meta.key()), patch.dump());
  if (answer) return std::optional(std::move(answer).value());
  if (answer.error().code() == ErrorCode::kNotFound) return std::optional<std::string>();
  return answer.error().WithContext("AgentPool " + pool.meta.key().ToString());
}

Result<std::optional<std::string>> PatchFinalizers(kube::Client& client, const api::AgentPool& pool,
                                                   const std::vector<std::string>& finalizers) {
  return PatchMetadata(client, pool,
                       {{"resourceVersion", pool.meta.resource_version},
                        {"annotations", {{kRestoringAnnotation, nullptr}}},
                        {"finalizers", finalizers}});
}

}  // namespace

Result<std::optional<std::string>> AddRestoringAnnotation(kube::Client& client,
                                                          const api::AgentPool& pool) {
  return PatchMetadata(client, pool, {{"annotations", {{kRestoringAnnotation, "true"}}}});
}

Result<std::optional<std::string>> RemoveRestoreAnnotation(kube::Client& client,
                                                           const api::AgentPool& pool) {
  return PatchMetadata(client, pool, {{"annotations", {{kRestoreAnnotation, nullptr}}}});
}

Result<std::optional<Restored>> RestoreWorkload(kube::Client& client, const workloads::Kind& kind,
                                                const workloads::Workload& workload,
                                                const std::optional<workloads::Saved>& known) {
  const auto state = workloads::StateOf(kind, workload, known).state;
  // A life that ended between restoring and this left its name behind.
  const auto nothing = [&] {
    if (workload.owns_replicas) static_cast<void>(workloads::DropOwnership(client, kind, workload));
    return std::optional<Restored>();
  };
  if (!state.saved) return nothing();
  workloads::WorkloadAsk ask;
  ask.pool = state.saved->pool;
  ask.pool_uid = state.saved->pool_uid;
  const auto plan = workloads::PlanWorkload(state, ask, {});
  const bool annotated =
      workload.meta.annotations.contains(std::string(workloads::kSavedAnnotation));
  if (plan.kind == workloads::PlanKind::kNothing ||
      (plan.kind == workloads::PlanKind::kForget && !annotated))
    return nothing();
  auto answer = workloads::Actuate(client, kind, workload, plan);
  if (answer) {
    const auto dropped = workloads::DropOwnership(client, kind, *answer);
    if (dropped && *dropped) answer = **dropped;
  } else if (workloads::Refuses(answer.error())) {
    // Nothing to set: the annotation that may not be taken off harms nobody.
    if (!plan.replicas && answer.error().code() != ErrorCode::kUnavailable)
      return std::optional<Restored>();
    if (plan.replicas && kind.on_scale()) {
      auto scaled = workloads::ActuateScale(client, kind, workload, plan);
      if (scaled) answer = std::move(scaled);
    }
  }
  if (answer) return std::optional(Restored{plan.explanation, std::move(answer).value()});
  if (answer.error().code() == ErrorCode::kNotFound) return std::optional<Restored>();
  return answer.error();
}

Result<std::optional<std::string>> AddFinalizer(kube::Client& client, const api::AgentPool& pool) {
  auto finalizers = pool.meta.finalizers;
  if (std::find(finalizers.begin(), finalizers.end(), kFinalizer) != finalizers.end())
    return std::optional<std::string>();
  finalizers.emplace_back(kFinalizer);
  return PatchFinalizers(client, pool, finalizers);
}

Result<std::optional<std::string>> RemoveFinalizer(kube::Client& client,
                                                   const api::AgentPool& pool) {
  auto finalizers = pool.meta.finalizers;
  if (std::erase(finalizers, kFinalizer) == 0) return std::optional<std::string>();
  return PatchFinalizers(client, pool, finalizers);
}

}  // namespace purser::controllers
