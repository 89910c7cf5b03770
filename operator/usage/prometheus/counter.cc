#include "usage/prometheus/counter.h"

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
bool CountReset(ledger::SeriesCursor& cursor, Timestamp at, Duration window) {
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

CounterStep Step(const CounterRules& rules, const std::optional<ledger::SeriesCursor>& before,
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
