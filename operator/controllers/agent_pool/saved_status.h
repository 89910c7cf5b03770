// The second copy of an original: in the status of the pool.
#pragma once

#include <optional>

#include "api/agent_pool.h"
#include "workloads/saved.h"

namespace purser::controllers {

// Nothing: nothing was taken. `of`: from which workload.
void PutSaved(const std::optional<workloads::Saved>& saved, const api::WorkloadRef& of,
              api::AgentPoolAgentStatus& status);
std::optional<workloads::Saved> SavedOf(const api::AgentPool& pool,
                                        const api::AgentPoolAgentStatus& status);

// Of one workload among several.
api::TakenWorkload TakenOf(const workloads::Saved& saved, const api::WorkloadRef& of);
workloads::Saved SavedOf(const api::AgentPool& pool, const api::TakenWorkload& taken);

}  // namespace purser::controllers
