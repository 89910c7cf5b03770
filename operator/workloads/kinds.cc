#include "workloads/kinds.h"

namespace purser::workloads {

const kube::ResourceType& DeploymentType() {
  static const kube::ResourceType type{"apps", "v1", "deployments", "Deployment"};
  return type;
}
const kube::ResourceType& StatefulSetType() {
  static const kube::ResourceType type{"apps", "v1", "statefulsets", "StatefulSet"};
  return type;
}

const kube::ResourceType* WorkloadType(std::string_view kind) {
  if (kind == "Deployment") return &DeploymentType();
  if (kind == "StatefulSet") return &StatefulSetType();
  return nullptr;
}

}  // namespace purser::workloads
