#include "policy/ramp.h"

#include <algorithm>

namespace purser::policy {

std::int32_t RampedConcurrency(std::int32_t maximum, Duration since_release) {
  if (maximum <= 0) return 0;
  const auto steps = std::max<std::int64_t>(0, since_release / kRampStep);
  if (steps >= 31) return maximum;
  return static_cast<std::int32_t>(std::min<std::int64_t>(maximum, std::int64_t{1} << steps));
}

Timestamp NextRampStep(std::int32_t maximum, Timestamp released, Timestamp now) {
  const auto elapsed = std::max(now - released, Duration::zero());
  if (RampedConcurrency(maximum, elapsed) >= maximum) return now;
  return released + kRampStep * (elapsed / kRampStep + 1);
}

}  // namespace purser::policy
