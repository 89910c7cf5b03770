#include "controllers/scale_actuator.h"

#include <nlohmann/json.hpp>

#include "controllers/resources.h"

namespace purser::controllers {

std::string PatchOf(const Workload& workload, const policy::WorkloadPlan& plan) {
  nlohmann::json patch;
  auto& metadata = patch["metadata"];
  metadata["resourceVersion"] = workload.meta.resource_version;
  const std::string annotation(policy::kSavedAnnotation);
  if (plan.patch_saved) {
    metadata["annotations"][annotation] = plan.patch_saved->Encode();
  } else if (plan.kind == policy::PlanKind::kRestore || plan.kind == policy::PlanKind::kForget) {
    metadata["annotations"][annotation] = nullptr;
  }
  if (plan.replicas) patch["spec"]["replicas"] = *plan.replicas;
  return patch.dump();
}

Result<std::string> Actuate(kube::Client& client, const kube::ResourceType& type,
                            const Workload& workload, const policy::WorkloadPlan& plan) {
  auto answer = client.StrategicMergePatch(kube::ObjectPath(type, workload.meta.key()),
                                           PatchOf(workload, plan));
  if (!answer) return answer.error().WithContext(type.kind + " " + workload.meta.key().ToString());
  return answer;
}

Result<policy::WorkloadState> StateOf(const Workload& workload) {
  policy::WorkloadState state;
  state.live = workload.replicas;
  const auto found = workload.meta.annotations.find(std::string(policy::kSavedAnnotation));
  if (found == workload.meta.annotations.end()) return state;
  auto saved = policy::Saved::Decode(found->second);
  if (!saved) return saved.error();
  state.saved = std::move(saved).value();
  return state;
}

}  // namespace purser::controllers
