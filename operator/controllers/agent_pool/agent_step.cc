#include "controllers/agent_pool/agent_step.h"

#include <algorithm>

#include "base/time_text.h"
#include "policy/ramp.h"

namespace purser::controllers {
namespace {

using policy::Level;

AgentOutcome Stopped(AgentMemory& memory, Duration drain, Timestamp now) {
  if (!memory.stopping_since) memory.stopping_since = now;
  memory.restoring_since.reset();
  AgentOutcome outcome;
  outcome.level = Level::kStopped;
  outcome.drained = now - *memory.stopping_since >= drain;
  outcome.state = outcome.drained ? "Stopped" : "Draining";
  if (!outcome.drained) outcome.next = *memory.stopping_since + drain;
  return outcome;
}

std::string NameOf(Level level) {
  switch (level) {
    case Level::kThrottled:
      return "Throttled";
    case Level::kRefusingWork:
      return "RefusingWork";
    default:
      return "Normal";
  }
}

}  // namespace

AgentMemory RecallAgent(const api::AgentPoolAgentStatus& status,
                        std::optional<Timestamp> stopped_since, bool still_taken) {
  AgentMemory memory;
  memory.state = status.state;
  // A ramp shows less than is allowed.
  if (!status.state.empty() && status.state != "Ramping") {
    memory.concurrency = status.concurrency;
    memory.allowed = status.state;
  }
  const auto since = ParseRfc3339(status.since);
  const bool stopped = (status.state == "Stopped" && still_taken) || status.state == "Stopping" ||
                       status.state == "Draining";
  // Without a readable time the drain is over: fail towards spending nothing.
  const auto at = since ? *since : stopped_since.value_or(Timestamp{});
  if (stopped) {
    memory.stopping_since = at;
    memory.waits_for_person = true;
  } else if (status.state == "Ramping") {
    memory.restoring_since = at;
  }
  return memory;
}

std::optional<Timestamp> SinceOf(const AgentMemory& memory) {
  return memory.stopping_since ? memory.stopping_since : memory.restoring_since;
}

AgentOutcome StepAgent(AgentMemory& memory, const AgentDemand& demand, Duration drain,
                       Timestamp now) {
  AgentOutcome outcome;
  if (demand.level == Level::kStopped || (memory.stopping_since && !demand.may_relax)) {
    outcome = Stopped(memory, drain, now);
    memory.concurrency = outcome.concurrency;
    memory.allowed = outcome.state;
  } else {
    if (memory.stopping_since) {
      memory.stopping_since.reset();
      memory.restoring_since = now;
    }
    outcome.level = demand.level;
    outcome.concurrency = demand.concurrency;
    outcome.state = NameOf(demand.level);
    // While blind the published limit stays as it is; replicas are held by the
    // plan, which never raises them then.
    if (!demand.may_relax && memory.concurrency && *memory.concurrency < demand.concurrency) {
      outcome.concurrency = *memory.concurrency;
      if (outcome.level < Level::kThrottled) outcome.state = memory.allowed;
    }
    memory.concurrency = outcome.concurrency;
    memory.allowed = outcome.state;
    if (memory.restoring_since) {
      const auto ramped = policy::RampedConcurrency(demand.maximum, now - *memory.restoring_since);
      if (ramped >= demand.maximum) {
        memory.restoring_since.reset();
      } else {
        if (ramped < outcome.concurrency) {
          outcome.concurrency = ramped;
          outcome.state = "Ramping";
        }
        outcome.next = policy::NextRampStep(demand.maximum, *memory.restoring_since, now);
      }
    }
  }
  memory.state = outcome.state;
  return outcome;
}

}  // namespace purser::controllers
