// Giving back: what was taken from a workload, and our hold on a pool.
#pragma once

#include <optional>
#include <string>

#include "api/agent_pool.h"
#include "base/result.h"
#include "kube/client.h"
#include "workloads/workload.h"

namespace purser::controllers {

// On every pool from which something is taken: it is given back before the pool goes.
inline constexpr const char* kFinalizer = "purser.dev/restore";

struct Restored {
  std::string explanation;       // "replicas 0 -> 5"
  workloads::Workload workload;  // as it is now
};

// Gives the replicas of one Deployment or StatefulSet back, unless somebody else changed them
// since. Nothing: nothing of ours was taken from it, or it is gone.
Result<std::optional<Restored>> RestoreWorkload(kube::Client& client,
                                                const kube::ResourceType& type,
                                                const workloads::Workload& workload);

// Puts our finalizer on the pool, or takes it off. Returns the pool as the API server has it now;
// nothing: it was so already, or the pool is gone.
Result<std::optional<std::string>> AddFinalizer(kube::Client& client, const api::AgentPool& pool);
Result<std::optional<std::string>> RemoveFinalizer(kube::Client& client,
                                                   const api::AgentPool& pool);

}  // namespace purser::controllers
