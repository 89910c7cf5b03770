// The part of a Deployment or StatefulSet that matters here; everything else is dropped when read.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>

#include "api/agent_pool.h"
#include "base/result.h"
#include "kube/object/object_meta.h"

namespace purser::workloads {

struct Workload {
  kube::ObjectMeta meta;
  std::int32_t replicas = 1;  // spec.replicas (the API server defaults it to 1)
  // Who set spec.replicas, as metadata.managedFields tells it ("kubectl", "argocd-controller");
  // empty: not told, as of a 0 through /scale.
  std::string replicas_manager{};
};

// Error kInvalidArgument: not an object with metadata, or spec.replicas out of int32 range.
Result<Workload> DecodeWorkload(simdjson::dom::element object);

}  // namespace purser::workloads
