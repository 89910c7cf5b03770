// What a budget asks while it cannot see what is spent: of all its agents, or of one whose meter is
// lost.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "policy/level.h"

namespace purser::policy {

// What is known of the budget's source of spend.
struct SourceState {
  enum class Kind { kNeverRead, kHealthy, kLost };
  Kind kind = Kind::kNeverRead;
  std::string reason;                     // CamelCase: PrometheusUnreachable; empty when healthy
  std::string message;                    // for people
  std::optional<Timestamp> last_read;     // the last complete answer
  std::optional<Timestamp> lost_since{};  // nothing while it is not told as lost
  bool doubtful = false;                  // healthy so far, but the last poll failed
};

// Of an agent whose meter has something to tell.
struct AgentTrouble {
  bool lost = false;      // its spend is not known: onSourceLoss
  bool unpriced = false;  // it calls models without a price: onUnpriced
  std::optional<Timestamp> since{};
};

// What is asked of one agent beside what its budget asks of all.
struct AgentSight {
  Level level = Level::kNormal;
  Timestamp since;        // when its meter was lost
  bool unpriced = false;  // not for its meter, but for calls of models without a price
  bool operator==(const AgentSight&) const = default;
};

struct Sight {
  bool may_relax = true;  // false: what is in force is held
  // The source tells nothing, and no agent runs that it could tell of.
  bool silent = false;
  Level level = Level::kNormal;              // asked of every agent
  std::map<std::string, AgentSight> agents;  // those held, or asked for more
  std::optional<Timestamp> next;             // when to look again, though nothing changes
};

struct SightInput {
  const api::AgentBudgetSpec& spec;
  const SourceState& source;
  const std::map<std::string, AgentTrouble>& troubles;  // by agent
  const std::set<std::string>& metered;                 // agents of which there are fresh samples
  // Some covered agent has run for long enough to have been seen.
  bool samples_expected = true;
  // The last one, of the same window and spec; null: none.
  const Sight* before = nullptr;
  Timestamp now;
};

// Pure. onSourceLoss counts from lost_since (of an agent: AgentTrouble::since, or when it was first
// told). What it took is held until there are samples again, the window ends or the spec changes:
// an agent that is stopped shows none, and would else run and be stopped by turns. A source that
// has no samples (NoSeries, Stale) while no agent runs is not lost: nothing else is to be expected
// of it, and agents must come back at a reset.
Sight Look(const SightInput& input);

}  // namespace purser::policy
