// Whatever has replicas and the subresource scale: Deployment, StatefulSet, ReplicaSet, custom
// resources.
#pragma once

#include <string>

#include "workloads/kind.h"

namespace purser::workloads {

// Where a kind keeps its scale, as JSON pointers.
struct ScalePaths {
  std::string replicas = "/spec/replicas";
  std::string status_replicas = "/status/replicas";
  std::string selector{};  // of its pods, in the status; empty: not told
};

// Of apps: Decode keeps only what apps need.
KindPointer MakeAppsKind(kube::ResourceType type);
// Of anything else.
KindPointer MakeScaleKind(kube::ResourceType type, ScalePaths paths);

// A Deployment or StatefulSet. Error kInvalidArgument: not an object with metadata, or
// spec.replicas out of int32 range.
Result<Workload> DecodeWorkload(simdjson::dom::element object);

}  // namespace purser::workloads
