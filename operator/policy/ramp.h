// After a stop, concurrency comes back in doublings: 1, 2, 4 … maximum, so that a herd does not
// start at once.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace purser::policy {

inline constexpr Duration kRampStep = std::chrono::seconds(10);

// min(maximum, 2^floor(since_release / kRampStep)); 0 when maximum is 0. A negative duration counts
// as 0.
std::int32_t RampedConcurrency(std::int32_t maximum, Duration since_release);

// When RampedConcurrency next grows; `now` or later.
Timestamp NextRampStep(std::int32_t maximum, Timestamp released, Timestamp now);

}  // namespace purser::policy
