#include "policy/poll_interval.h"

#include <algorithm>

namespace purser::policy {

__extension__ typedef __int128 Wide;

std::optional<Duration> TimeToNextThreshold(Quantity spent, Quantity limit,
                                            const std::vector<api::Threshold>& thresholds,
                                            Quantity last_5_minutes) {
  constexpr Wide kRateMs = 300'000;
  constexpr Wide kYearMs = Wide{365} * 24 * 3'600'000;
  std::optional<Duration> nearest;
  if (last_5_minutes.count() <= 0) return nearest;
  for (const auto& threshold : thresholds) {
    if (ReachesPercent(spent, limit, threshold.percent)) continue;
    // In hundredths of a nano-dollar, so that nothing is rounded before the division.
    const Wide missing = Wide{threshold.percent} * limit.count() - Wide{spent.count()} * 100;
    const Wide left_ms = missing * kRateMs / (Wide{last_5_minutes.count()} * 100);
    if (left_ms > kYearMs) continue;
    const Duration left(static_cast<std::int64_t>(left_ms));
    nearest = nearest ? std::min(*nearest, left) : left;
  }
  return nearest;
}

Duration PollInterval(Duration base, std::optional<Duration> nearest) {
  if (!nearest || *nearest >= 2 * base) return base;
  return std::min(base, std::max(kShortestPoll, *nearest / 2));
}

}  // namespace purser::policy
