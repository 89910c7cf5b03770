// One agent's way through Normal, Throttled, Draining, Stopped and Ramping: a
// pure step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "controllers/agent_pool/pool_demand.h"

namespace purser::controllers {

// What must be remembered of an agent between two steps; after a restart it is
// read back from the status.
struct AgentMemory {
  std::optional<Timestamp> stopping_since;   // since when nothing is allowed
  std::optional<Timestamp> restoring_since;  // since when it ramps up again after a stop
  std::optional<std::int32_t> concurrency;   // allowed last, whatever the ramp left of it
  std::optional<Timestamp> ended_since;      // since when it is stopped and none of its pods runs
  bool waits_for_person = false;             // a budget stopped it, not a person
  std::string state;                         // last
  std::string allowed;                       // last, but for the ramp
};

struct AgentOutcome {
  std::string state;  // Normal | Throttled | RefusingWork | Draining | Stopped
                      // (asked for) | Ramping
  policy::Level level = policy::Level::kNormal;  // asked of the workload
  std::int32_t concurrency = 0;                  // in force, published
  bool drained = true;
  std::optional<Timestamp> next;  // when to look again without any other event
};

// The memory a status stands for. `stopped_since`: the transition time of the
// pool's condition Stopped, for a status without times of its own.
// `still_taken`: whether its replicas are still those of the stop; if not, they
// were restored and the status was not written any more.
AgentMemory RecallAgent(const api::AgentPoolAgentStatus& status,
                        std::optional<Timestamp> stopped_since, bool still_taken);

// Since when the agent is stopped or on its way back, for its status; nothing:
// it is neither.
std::optional<Timestamp> SinceOf(const AgentMemory& memory);

// `drain`: how long in-flight work may finish once the limit 0 is published;
// zero when nobody listens.
AgentOutcome StepAgent(AgentMemory& memory, const AgentDemand& demand, Duration drain,
                       Timestamp now);

}  // namespace purser::controllers
