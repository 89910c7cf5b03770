// Hysteresis where spend can fall: on at a value, off once it was below nine tenths of it for five
// minutes. Never in a calendar window's thresholds, where spend only grows.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace purser::policy {

inline constexpr Duration kBelowFor = std::chrono::minutes(5);
inline constexpr std::int32_t kLeaveTenths = 9;  // of what is entered at

struct Latch {
  bool on = false;
  std::optional<Timestamp> below_since = {};  // while on, and below nine tenths
  bool operator==(const Latch&) const = default;
};

// By what they hold: "80" of a threshold, "burn a-name" of a rule.
using Latches = std::map<std::string, Latch>;

// Pure. `reached`: at or above the value; `near`: at or above nine tenths of it.
Latch Step(const Latch& before, bool reached, bool near, Timestamp now);

}  // namespace purser::policy
