// From a counter's samples to increments: pure, one series at a time, exact.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "ledger/store.h"
#include "money/money.h"
#include "usage/prometheus/series.h"

namespace purser::usage {

// Money spent in one minute, at the time of the last sample that showed it.
struct Booking {
  Timestamp at;
  Money cost;  // > 0
  bool operator==(const Booking&) const = default;
};

struct CounterRules {
  Duration scrape_interval{15'000};
  bool count_new_series =
      true;  // the first value of an unseen series is spend; else it is its baseline
};

// Where reading stands in one counter.
struct CounterCursor {
  Timestamp last_time;
  Money last_value;
  std::int32_t recent_resets = 0;  // for the detection of several writers on one series
  Timestamp first_recent_reset;    // while suspended: the last reset
  bool suspended = false;          // booking is stopped: several writers
  bool operator==(const CounterCursor&) const = default;
};

// As the ledger keeps it. Nothing when the state cannot be read.
ledger::SeriesCursor ToLedger(const ledger::SeriesId& series, const CounterCursor& cursor);
std::optional<CounterCursor> FromLedger(const ledger::SeriesCursor& cursor);

struct CounterStep {
  CounterCursor cursor;  // after the samples
  bool moved = false;    // more than its time differs: a replay from the old one would book again
  std::int32_t resets = 0;
  bool became_suspended = false;
  bool resumed = false;
};

// Several writers on one series make its values go up and down, and each step down looks like a
// reset that brings new money. More than this many resets within that many scrapes suspend the
// booking; it goes on, from the value then, after as many scrapes without a reset.
inline constexpr std::int32_t kMostResets = 3;
inline constexpr std::int32_t kResetScrapes = 5;

// `before`: nothing for a series not seen yet. Samples at or before the cursor are dropped; of the
// others v >= last adds v - last, and v < last (the counter began again) adds v. `bookings` is
// appended to, in time order; no other allocation.
CounterStep Step(const CounterRules& rules, const std::optional<CounterCursor>& before,
                 std::span<const Sample> samples, std::vector<Booking>& bookings);

}  // namespace purser::usage
