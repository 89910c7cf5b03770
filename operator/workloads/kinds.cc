#include "workloads/kinds.h"

#include <string>

#include "workloads/cron_job/cron_job.h"
#include "workloads/job/job.h"
#include "workloads/switch/known.h"
#include "workloads/switch/switch.h"

namespace purser::workloads {

const kube::ResourceType& DeploymentType() {
  static const kube::ResourceType type{"apps", "v1", "deployments", "Deployment"};
  return type;
}
const kube::ResourceType& StatefulSetType() {
  static const kube::ResourceType type{"apps", "v1", "statefulsets", "StatefulSet"};
  return type;
}

const KindPointer& DeploymentKind() {
  static const KindPointer kind = MakeAppsKind(DeploymentType());
  return kind;
}
const KindPointer& StatefulSetKind() {
  static const KindPointer kind = MakeAppsKind(StatefulSetType());
  return kind;
}

Result<KindPointer> MakeKind(const api::WorkloadRef& reference, const kube::ResourceType& type,
                             bool on_scale, const ScalePaths& paths) {
  if (!type.namespaced) {
    return Error(
        ErrorCode::kInvalidArgument,
        type.ApiVersion() + " " + type.kind +
            " belongs to no namespace, so it is nobody's agent; name what it makes in this "
            "namespace");
  }
  if (reference.toggle)
    return MakeSwitchKind(type, {reference.toggle->path, reference.toggle->stopped}, "");
  if (type.group == "batch" && type.kind == "Job") return MakeJobKind();
  if (type.group == "batch" && type.kind == "CronJob") return MakeCronJobKind();
  if (on_scale) return MakeScaleKind(type, paths);
  if (const auto* known = FindSwitch(type.group, type.kind)) {
    return MakeSwitchKind(type, {std::string(known->path), std::string(known->stopped)},
                          std::string(known->pods));
  }
  return Error(
      ErrorCode::kInvalidArgument,
      type.ApiVersion() + " " + type.kind +
          " has no subresource scale, and no field that stops it is known; say which, as in "
          "workloadRef.switch: {path: /spec/suspend, stopped: true}");
}

}  // namespace purser::workloads
