// The band of a budget that is spent: coarse, so that what follows it changes
// seldom.
#pragma once

#include <cstdint>

namespace purser::policy {

// The highest of 80, 90, 95 and 100 that `percent_used` (>= 0, whole, cut off)
// has reached; 0: none.
constexpr std::int32_t BandOf(std::int32_t percent_used) {
  for (const std::int32_t band : {100, 95, 90, 80}) {
    if (percent_used >= band) return band;
  }
  return 0;
}

}  // namespace purser::policy
