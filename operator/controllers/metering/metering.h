// Whether the spend of a pool's agents is metered: a pure function of what the source tells and of
// which workloads run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ledger/source_health.h"

namespace purser::controllers {

// An agent of a pool.
struct WatchedAgent {
  std::string name;
  std::string workload;                    // "Deployment researcher"
  std::optional<Timestamp> running_since;  // nothing: stopped, or not there
};

// Something about an agent's meter that people should know.
struct MeterIssue {
  std::string agent;    // "" of a namespace as a whole
  std::string reason;   // NoSamples, NeverSeen, or that of a MeterFinding
  std::string message;  // for people, with the way out
  bool lost = false;    // its spend is not known: onSourceLoss
  std::optional<Timestamp> since;
  bool operator==(const MeterIssue&) const = default;
};

// The reason of calls of a model without a price.
inline constexpr const char* kUnpriced = "Unpriced";

struct Metering {
  std::vector<MeterIssue> issues;  // in the agents' order
  std::set<std::string> metered;   // agents with fresh samples
  // Some agent has run for long enough to have been seen.
  bool samples_expected = false;
  ledger::SourceHealth::State state = ledger::SourceHealth::State::kNeverRead;  // of the source
  bool operator==(const Metering&) const = default;
};

// What the sources of all budgets of a pool tell of its agents.
struct PoolMetering {
  // The worst: never read, lost, healthy; nothing: no budget covers the pool.
  std::optional<ledger::SourceHealth::State> state;
  std::vector<MeterIssue> issues;  // what none of the sources meters
};

// Names in the spend data that no pool has, by what a misnamed agent may be called.
struct Unclaimed {
  using Elsewhere = std::map<std::string, std::vector<std::string>>;  // agent -> namespaces
  std::vector<std::string> here;               // in the same namespace, sorted
  std::shared_ptr<const Elsewhere> elsewhere;  // null: none
};

// An agent of which pods run must be seen: within `silence` of its last sample; within kSeenWithin
// of its start, if it never was; within `silence` of it where somebody spends who is in no pool.
inline constexpr Duration kSeenWithin = std::chrono::minutes(10);
inline constexpr Duration kShortestSilence = std::chrono::minutes(2);
// The longest a source may show no sample: five scrapes, at least two minutes.
constexpr Duration SilenceOf(Duration scrape_interval) {
  return std::max(5 * scrape_interval, kShortestSilence);
}

// `health`: of one source. While it is not healthy no agent is told as missing: the source is.
Metering MeteringOf(const std::string& ns, const std::vector<WatchedAgent>& agents,
                    const ledger::SourceHealth& health, Duration silence,
                    const Unclaimed& unclaimed, Timestamp now);

}  // namespace purser::controllers
