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
  bool owns_replicas = false;  // we are (also) their owner there
  // Of the status; a server that does not tell them says 0 and nothing.
  std::int32_t status_replicas = 0;
  std::int32_t terminating_replicas = 0;  // since Kubernetes 1.33, or behind its feature gate
  std::int64_t observed_generation = 0;   // 0: no controller has looked at it

  // Pods that run, those that are about to end too, as far as the status tells.
  std::int64_t Running() const { return std::int64_t{status_replicas} + terminating_replicas; }
  // Whether no pod of it runs, or is about to be made.
  bool Ended() const {
    const bool seen = observed_generation == 0 || observed_generation >= meta.generation;
    return replicas == 0 && Running() == 0 && seen;
  }
};

// Error kInvalidArgument: not an object with metadata, or spec.replicas out of int32 range.
Result<Workload> DecodeWorkload(simdjson::dom::element object);

}  // namespace purser::workloads
