// The status of an AgentPool: a pure function of what was decided and done.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "controllers/agent_pool/agent_step.h"
#include "controllers/agent_pool/autoscalers.h"
#include "controllers/agent_pool/limits_publisher.h"
#include "controllers/agent_pool/pool_demand.h"
#include "controllers/agent_pool/runaway_board.h"
#include "controllers/agent_pool/spend_after_stop.h"
#include "controllers/kind_watches.h"
#include "controllers/metering/metering.h"
#include "controllers/roster.h"
#include "workloads/saved.h"

namespace purser::controllers {

// What became of one agent's workload.
struct AgentReport {
  std::string name;
  AgentOutcome outcome;
  RowPointer governor;
  std::string workload;                     // "Deployment researcher"
  bool missing = false;                     // the workload is not there
  bool pending = false;                     // its kind is being listed
  KindProblem problem{};                    // why its kind cannot be seen
  std::int32_t replicas = 0;                // spec.replicas in force
  std::int64_t running = 0;                 // pods, those that are about to end too
  bool ended = false;                       // no pod runs, or is about to be made
  std::optional<workloads::Saved> saved;    // what was taken; nothing: nothing was
  api::WorkloadRef saved_of{};              // from which
  std::vector<api::TakenWorkload> taken{};  // of each, where there are several or it was found
  std::string refused;                      // why it cannot be scaled; empty: it can
  bool contended = false;                   // somebody else keeps changing the replicas
  std::string contended_by;                 // who, if known
  std::optional<Autoscaler> autoscaler;     // that names the workload, where it is contended
  std::string note;                         // why something is as it is, if not obvious
  std::optional<Timestamp> since;           // of a stop, or of the way back from it
  bool waits_for_person = false;            // to be restored by hand
  std::string runaway{};                    // as of AgentDemand
};

// What the cache knows of its workload, into the report.
void FillFrom(const workloads::Workload& workload, AgentReport& report);

// The agent's state as the cluster shows it: Stopped only when none of its pods
// runs. One whose replicas are kept (onStop: Keep) is stopped when its limit is
// 0.
std::string StateOf(const AgentReport& agent, const api::ScalingSpec& scaling);

// What another pool names too: "Deployment x (AgentPool other)", "researcher
// (AgentPool other)".
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
  TargetsReport targets{};  // of limits
  std::vector<SpentAfterStop> spent_after_stop{};
  std::string stopped_by{};  // who wrote spec.stop, as far as is known
  Shared shared{};
  std::optional<PoolMetering> metering{};   // nothing: not looked at yet
  std::vector<KindProblem> unseen_kinds{};  // of those that agentSelector looks for
  std::vector<Runaway> runaways{};
};

// The strongest of the agents' states: not Stopped before all that are to stop
// have.
std::string PoolState(const std::vector<AgentReport>& agents, const api::ScalingSpec& scaling,
                      bool audit_only);

// For metrics: a state's place among those of a pool (0 Normal … 5 Stopped, 6
// Stopping); 0 for Audit and whatever else.
std::int32_t PoolStateRank(std::string_view state);

// "budget research-daily: spent $41.24 of $50 (82 %) …; concurrency 20 -> 8;
// resets at 2026-11-28T05:00:00Z"
std::string PoolMessage(const PoolReport& report);

api::AgentPoolStatus BuildPoolStatus(const PoolReport& report);

// The status of a pool whose spec is refused.
api::AgentPoolStatus InvalidPoolStatus(const api::AgentPool& pool, Timestamp now);

// Whether `after` says something new (times aside, and messages but that of Metered).
bool WorthWriting(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after);

}  // namespace purser::controllers
