// Where buckets and cursors are kept. Implementations: ledger/sqlite. Each call is one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "money/money.h"

namespace purser::ledger {

// The dimensions spend is aggregated by.
struct SpendKey {
  std::string source, ns, agent, model, task, workflow;
  auto operator<=>(const SpendKey&) const = default;
};

struct Increment {
  SpendKey key;
  Timestamp at;    // the sample's own time
  Money cost;      // > 0
};

// Position in one counter series, so that a replay books nothing twice.
struct SeriesCursor {
  std::uint64_t series_high = 0;   // 128-bit hash of source and all labels
  std::uint64_t series_low = 0;
  Timestamp last_time;
  Money last_value;
  std::int32_t recent_resets = 0;  // for the detection of several writers on one series
  Timestamp first_recent_reset;
  bool suspended = false;          // booking is stopped: several writers
};

struct Batch {
  std::string source;
  std::vector<Increment> increments;
  std::vector<SeriesCursor> cursors;         // those that moved
  std::optional<Timestamp> complete_until;   // the source was read completely up to here
};

// What the store knows of one source.
struct SourcePosition {
  Timestamp epoch;                              // first start minus backfill
  std::optional<Timestamp> complete_until;
};

// H: see ledger/sqlite for the schema; this interface is completed there.
class Store;

}  // namespace purser::ledger
