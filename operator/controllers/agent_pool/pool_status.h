// The status of an AgentPool: a pure function of what was decided and done.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "controllers/agent_pool/agent_step.h"
#include "controllers/agent_pool/pool_demand.h"

namespace purser::controllers {

// What became of one agent's workload.
struct AgentReport {
  std::string name;
  AgentOutcome outcome;
  EvaluationPointer governor;
  bool missing = false;       // the workload is not there
  bool held = false;          // what is saved on it is another pool's, or cannot be read
  std::int32_t replicas = 0;  // spec.replicas in force
  std::optional<std::int32_t> saved_replicas;
  std::string workload;  // "Deployment researcher"
  std::string note;      // why something is as it is, if not obvious
};

// What another pool names too: "Deployment x (AgentPool other)", "researcher (AgentPool other)".
struct Shared {
  std::vector<std::string> workloads;
  std::vector<std::string> agents;
};

struct PoolReport {
  const api::AgentPool& pool;
  const PoolDemandResult& demand;
  Timestamp now;
  std::vector<AgentReport> agents{};
  std::int32_t concurrency = 0;  // of the pool, in force
  std::string state{};
  Status published = Ok();
  std::vector<std::string> contended{};  // workloads somebody else keeps changing
  Shared shared{};
};

// The strongest of the agents' states.
std::string PoolState(const std::vector<AgentReport>& agents, bool audit_only);

// For metrics: a state's place among those of a pool, weakest first (0 Normal … 5 Stopped); 0 for
// Audit and whatever else.
std::int32_t PoolStateRank(std::string_view state);

// "budget research-daily: spent $41.24 of $50 (82 %) …; concurrency 20 -> 8; resets in 9h12m"
std::string PoolMessage(const PoolReport& report);

api::AgentPoolStatus BuildPoolStatus(const PoolReport& report);

// The status of a pool whose spec is refused.
api::AgentPoolStatus InvalidPoolStatus(const api::AgentPool& pool, Timestamp now);

// Whether `after` says something new (messages and times aside).
bool WorthWriting(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after);

}  // namespace purser::controllers
