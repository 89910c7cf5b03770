// One call that was allowed, from the question to its fact.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "money/amounts.h"

namespace purser::gate {

//              counts in rows   counts as a call    because
// kOpen        its estimate     yes                 it was allowed
// kSettling    the larger       no                  the fact is told, and not booked yet
// kCancelling  its estimate     no                  it will not be made; not stored yet
// kExpired     its estimate     no                  no fact came in time; not booked yet
// kLapsed      no               no                  its estimate is booked
// kSettled     no               no                  its fact is booked
// kCancelled   no               no                  nothing was spent
enum class Phase : std::uint8_t {
  kOpen,
  kSettling,
  kCancelling,
  kExpired,
  kLapsed,
  kSettled,
  kCancelled
};

// Nothing of it counts any more; a late fact may yet come.
constexpr bool Ended(Phase phase) {
  return phase == Phase::kLapsed || phase == Phase::kSettled || phase == Phase::kCancelled;
}

struct Reservation {
  std::string id = {};
  std::string key = {};
  std::string ns = {};
  std::string agent = {};
  std::string task = {};
  std::string workflow = {};
  std::string model = {};
  Amounts estimate = {};
  Timestamp made = {};
  Timestamp expires = {};
  Phase phase = Phase::kOpen;
  Amounts fact = {};  // kSettling, kSettled
  // Its estimate was booked when it expired: the fact replaces it.
  bool lapsed = false;
  // Its key had been told before as the name of another call, and says nothing of this one.
  bool key_taken = false;
  // What it came to was booked as a record of the call: its end books nothing.
  bool recorded = false;
  bool operator==(const Reservation&) const = default;
};

}  // namespace purser::gate
