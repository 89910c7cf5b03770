#include "usage/prometheus/counter.h"

#include <cinttypes>
#include <cstdio>
#include <string>

namespace purser::usage {
namespace {

void Book(Timestamp at, Money cost, std::size_t first, std::vector<Booking>& bookings) {
  if (cost <= Money()) return;
  if (bookings.size() > first && ledger::MinuteOf(bookings.back().at) == ledger::MinuteOf(at)) {
    bookings.back().at = at;
    bookings.back().cost += cost;
    return;
  }
  bookings.push_back({at, cost});
}

// True when this reset is one too many.
bool CountReset(CounterCursor& cursor, Timestamp at, Duration window) {
  if (cursor.recent_resets == 0 || at - cursor.first_recent_reset > window) {
    cursor.recent_resets = 0;
    cursor.first_recent_reset = at;
  }
  ++cursor.recent_resets;
  return cursor.recent_resets > kMostResets;
}

// While suspended nothing is booked; first_recent_reset is the time of the last reset.
void StepSuspended(const Sample& sample, bool reset, Duration window, CounterStep& step) {
  if (reset) {
    step.cursor.first_recent_reset = sample.at;
  } else if (sample.at - step.cursor.first_recent_reset >= window) {
    step.cursor.suspended = false;
    step.cursor.recent_resets = 0;
    step.resumed = true;
    step.moved = true;
  }
}

}  // namespace

// "v1:<nano-dollars>", and what is known of resets where there were any.
ledger::SeriesCursor ToLedger(const ledger::SeriesId& series, const CounterCursor& cursor) {
  std::string state = "v1:" + std::to_string(cursor.last_value.nanos());
  if (cursor.recent_resets != 0 || cursor.suspended) {
    state += ":" + std::to_string(cursor.recent_resets) + ":" +
             std::to_string(cursor.first_recent_reset.time_since_epoch().count()) + ":" +
             (cursor.suspended ? "1" : "0");
  }
  return {series, cursor.last_time, std::move(state)};
}

std::optional<CounterCursor> FromLedger(const ledger::SeriesCursor& cursor) {
  std::int64_t value = 0;
  std::int32_t resets = 0;
  std::int64_t first_reset = 0;
  int suspended = 0;
  const int fields = std::sscanf(cursor.state.c_str(), "v1:%" SCNd64 ":%" SCNd32 ":%" SCNd64 ":%d",
                                 &value, &resets, &first_reset, &suspended);
  if (fields != 1 && fields != 4) return std::nullopt;
  return CounterCursor{cursor.last_time, Money::FromNanos(value), resets,
                       Timestamp(Duration(first_reset)), suspended != 0};
}

CounterStep Step(const CounterRules& rules, const std::optional<CounterCursor>& before,
                 std::span<const Sample> samples, std::vector<Booking>& bookings) {
  const Duration window = rules.scrape_interval * kResetScrapes;
  const std::size_t first_booking = bookings.size();
  CounterStep step;
  if (before) step.cursor = *before;
  bool seen = before.has_value();
  for (const Sample& sample : samples) {
    auto& cursor = step.cursor;
    if (seen && sample.at <= cursor.last_time) continue;
    if (!seen) {
      seen = true;
      step.moved = true;
      if (rules.count_new_series) Book(sample.at, sample.value, first_booking, bookings);
    } else {
      const bool reset = sample.value < cursor.last_value;
      if (reset) ++step.resets;
      if (sample.value != cursor.last_value) step.moved = true;
      if (cursor.suspended) {
        StepSuspended(sample, reset, window, step);
      } else if (!reset) {
        Book(sample.at, sample.value - cursor.last_value, first_booking, bookings);
      } else if (CountReset(cursor, sample.at, window)) {
        cursor.suspended = true;
        cursor.first_recent_reset = sample.at;
        step.became_suspended = true;
      } else {
        Book(sample.at, sample.value, first_booking, bookings);
      }
    }
    cursor.last_time = sample.at;
    cursor.last_value = sample.value;
  }
  return step;
}

}  // namespace purser::usage
