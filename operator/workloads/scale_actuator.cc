#include "workloads/scale_actuator.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "api/codec.h"

namespace purser::workloads {

std::string PatchOf(const Workload& workload, const workloads::WorkloadPlan& plan) {
  nlohmann::json patch;
  auto& metadata = patch["metadata"];
  metadata["resourceVersion"] = workload.meta.resource_version;
  const std::string annotation(workloads::kSavedAnnotation);
  if (plan.patch_saved) {
    metadata["annotations"][annotation] = plan.patch_saved->Encode();
  } else if (plan.kind == workloads::PlanKind::kRestore ||
             plan.kind == workloads::PlanKind::kForget) {
    metadata["annotations"][annotation] = nullptr;
  }
  if (plan.replicas) patch["spec"]["replicas"] = *plan.replicas;
  return patch.dump();
}

Result<Workload> Actuate(kube::Client& client, const kube::ResourceType& type,
                         const Workload& workload, const workloads::WorkloadPlan& plan) {
  const auto answer = client.StrategicMergePatch(kube::ObjectPath(type, workload.meta.key()),
                                                 PatchOf(workload, plan));
  const std::string what = type.kind + " " + workload.meta.key().ToString();
  if (!answer) return answer.error().WithContext(what);
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(*answer).get(document) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, what + ": the answer to the patch is not JSON");
  auto meta = api::DecodeObjectMeta(document);
  if (!meta) return meta.error().WithContext(what);
  Workload scaled = workload;
  scaled.meta = std::move(meta).value();
  if (plan.replicas) {
    scaled.replicas = *plan.replicas;
    scaled.replicas_manager = kube::kFieldManager;
  }
  return scaled;
}

Result<workloads::WorkloadState> StateOf(const Workload& workload) {
  workloads::WorkloadState state;
  state.live = workload.replicas;
  if (workload.replicas_manager != kube::kFieldManager)
    state.changed_by = workload.replicas_manager;
  const auto found = workload.meta.annotations.find(std::string(workloads::kSavedAnnotation));
  if (found == workload.meta.annotations.end()) return state;
  auto saved = workloads::Saved::Decode(found->second);
  if (!saved) return saved.error();
  state.saved = std::move(saved).value();
  return state;
}

}  // namespace purser::workloads
