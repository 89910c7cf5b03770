// Restoring what was taken from a workload, and our hold on a pool.
#pragma once

#include <optional>
#include <string>

#include "api/agent_pool.h"
#include "base/result.h"
#include "kube/client.h"
#include "workloads/kind.h"
#include "workloads/saved.h"
#include "workloads/workload.h"

namespace purser::controllers {

// On every pool from which something is taken: it is restored before the pool
// goes.
inline constexpr const char* kFinalizer = "purser.dev/restore";

// Put on a pool with scaling.restore: Manual: restores what a stop took, and is
// taken off then.
inline constexpr const char* kRestoreAnnotation = "purser.dev/restore";

// On a pool while `purser restore` runs without its operator: the chart's fence lets it.
inline constexpr const char* kRestoringAnnotation = "purser.dev/restoring";

struct Restored {
  std::string explanation;       // "replicas 0 -> 5"
  workloads::Workload workload;  // as it is now
};

// Restores what was taken of one workload, unless somebody else
// changed them since; through the subresource scale where the object as a whole
// may not be written. `known`: what the pool's status says of it. Nothing:
// nothing of ours was taken from it, or it is gone.
Result<std::optional<Restored>> RestoreWorkload(kube::Client& client, const workloads::Kind& kind,
                                                const workloads::Workload& workload,
                                                const std::optional<workloads::Saved>& known);

// Puts our finalizer on the pool, or takes it off, with kRestoringAnnotation. Returns the pool as
// the API server has it now; nothing: it was so already, or the pool is gone.
Result<std::optional<std::string>> AddFinalizer(kube::Client& client, const api::AgentPool& pool);
Result<std::optional<std::string>> RemoveFinalizer(kube::Client& client,
                                                   const api::AgentPool& pool);
Result<std::optional<std::string>> AddRestoringAnnotation(kube::Client& client,
                                                          const api::AgentPool& pool);
Result<std::optional<std::string>> RemoveRestoreAnnotation(kube::Client& client,
                                                           const api::AgentPool& pool);

}  // namespace purser::controllers
