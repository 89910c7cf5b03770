#include "controllers/restore.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "controllers/resources.h"
#include "controllers/scale_actuator.h"
#include "policy/workload_plan.h"

namespace purser::controllers {
namespace {

Result<std::optional<std::string>> PatchFinalizers(kube::Client& client, const api::AgentPool& pool,
                                                   const std::vector<std::string>& finalizers) {
  const nlohmann::json patch{
      {"metadata", {{"resourceVersion", pool.meta.resource_version}, {"finalizers", finalizers}}}};
  auto answer = client.MergePatch(kube::ObjectPath(PoolType(), pool.meta.key()), patch.dump());
  if (answer) return std::optional(std::move(answer).value());
  if (answer.error().code() == ErrorCode::kNotFound) return std::optional<std::string>();
  return answer.error().WithContext("AgentPool " + pool.meta.key().ToString());
}

}  // namespace

Result<std::optional<Restored>> RestoreWorkload(kube::Client& client,
                                                const kube::ResourceType& type,
                                                const Workload& workload) {
  const auto state = StateOf(workload);
  if (!state || !state->saved) return std::optional<Restored>();
  policy::WorkloadAsk ask;
  ask.pool = state->saved->pool;
  ask.pool_uid = state->saved->pool_uid;
  const auto plan = policy::PlanWorkload(*state, ask, {});
  if (plan.kind == policy::PlanKind::kNothing) return std::optional<Restored>();
  auto answer = Actuate(client, type, workload, plan);
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
