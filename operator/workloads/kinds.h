// The kinds of workloads that can be scaled, as resources of the API server.
#pragma once

#include <string_view>

#include "kube/client.h"

namespace purser::workloads {

const kube::ResourceType& DeploymentType();
const kube::ResourceType& StatefulSetType();
// Deployment or StatefulSet by kind; null for any other.
const kube::ResourceType* WorkloadType(std::string_view kind);

}  // namespace purser::workloads
