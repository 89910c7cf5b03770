// The spend of the last hour by minute, in a ring of which only what is used takes room: the source
// of burn rates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "money/amounts.h"

namespace purser::ledger {

// Not thread-safe. There is one for every row of every budget, and most are quiet.
class RecentMinutes {
 public:
  // The current minute, and the 60 before it, of which the oldest is only partly within the hour.
  static constexpr std::int64_t kMinutes = 61;

  // Adds to a minute (since 1970); negative for what is taken back. A minute too old for the ring
  // is ignored: false.
  bool Add(std::int64_t minute, const Amounts& amounts);

  // Booked in (now - span, now], counted by whole minutes; of the oldest minute, which `span`
  // covers only in part, that part (rounded up), as if it had been spent evenly. `span` up to 60
  // minutes. No field below zero.
  Amounts Sum(Timestamp now, Duration span) const;

  // Of each amount the most in any minute of the hour before `now`. No field below zero.
  Amounts Dearest(Timestamp now) const;

 private:
  struct Slot {
    std::int64_t minute = 0;
    Money cost;
  };
  Amounts At(std::size_t slot) const;

  // No two whose minutes are the same within the ring; in any order.
  std::vector<Slot> slots_;
  // What is beside the cost, of each slot; empty as long as there is nothing but cost.
  std::vector<Amounts> beside_;
};

}  // namespace purser::ledger
