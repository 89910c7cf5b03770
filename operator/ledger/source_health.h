// How the reading of a source goes: as a whole, and of single agents.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace purser::ledger {

// Spend that may be missing for good.
struct Gap {
  Timestamp until;   // what is missing was spent before
  std::string text;  // for people
  bool operator==(const Gap&) const = default;
};

// Something about the meter of one agent (or of a namespace, where agent is "").
struct MeterFinding {
  std::string ns;
  std::string agent;
  std::string reason;   // CamelCase: NotANumber, NotACounter, DuplicateWriters, Lagging …
  std::string message;  // for people: series, what was seen, the way out
  bool lost = false;    // its spend is not known at present: onSourceLoss applies to this agent
  bool operator==(const MeterFinding&) const = default;
};

// Spend seen of an agent, whether a pool knows it or not.
struct AgentSeen {
  Timestamp last_sample;
  bool operator==(const AgentSeen&) const = default;
};

// By (namespace, agent). Immutable once told.
struct MeterReport {
  std::map<std::pair<std::string, std::string>, std::vector<MeterFinding>> findings;
  std::map<std::pair<std::string, std::string>, AgentSeen> seen;
};

struct SourceHealth {
  enum class State { kNeverRead, kHealthy, kLost };
  State state = State::kNeverRead;
  // The last poll failed, though not for so long that it is told: nothing is relaxed.
  bool doubtful = false;
  std::string reason;   // CamelCase for a condition: PrometheusUnreachable, QueryFailed,
                        // IncompleteAnswer, NoSeries, Stale, StoreUnavailable …
  std::string message;  // for people: what happened, what to do
  std::optional<Timestamp> last_read;   // the last complete answer
  std::optional<Timestamp> lost_since;  // while kLost: when it began
  std::optional<Timestamp> epoch;       // spend before it is not known
  std::optional<Timestamp> newest_sample;
  std::optional<Gap> gap;                     // the latest that is known
  std::shared_ptr<const MeterReport> meters;  // null: nothing to tell of any agent
};

// Whether two say the same to people: all but the times of what was last read.
bool SameForReaders(const SourceHealth& a, const SourceHealth& b);

}  // namespace purser::ledger
