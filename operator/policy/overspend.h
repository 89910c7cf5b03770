// How far a budget may be overspent before all of its agents have stopped.
#pragma once

#include "base/clock.h"
#include "money/quantity.h"

namespace purser::policy {

// What lies between money being spent and nothing running any more.
struct StopDelay {
  Duration seen{};   // scrape and poll: until spend is known
  Duration drain{};  // that agents have to end their work
  Duration grace{};  // that pods have to end
};

// A call is taken to last so long at most: what it costs is metered at its end.
inline constexpr Duration kCallLasts = std::chrono::minutes(1);
// For deciding, writing, and the kubelet to hear of it.
inline constexpr Duration kActing = std::chrono::seconds(5);

// Pure. At the speed of the dearest minute of the last hour: what is in flight (kCallLasts), and
// what is spent in seen + kActing + drain + grace; rounded up. Saturates.
Quantity OverspendBound(Quantity dearest_minute, const StopDelay& delay);

}  // namespace purser::policy
