#include "policy/overspend.h"

#include <algorithm>
#include <limits>

namespace purser::policy {

Quantity OverspendBound(Quantity dearest_minute, const StopDelay& delay) {
  __extension__ typedef __int128 Wide;
  constexpr Wide kMinute = Duration(std::chrono::minutes(1)).count();
  const Wide time = (kCallLasts + delay.seen + kActing + delay.drain + delay.grace).count();
  const Wide bound = (Wide{dearest_minute.count()} * time + kMinute - 1) / kMinute;
  constexpr Wide kMost = std::numeric_limits<std::int64_t>::max();
  return Quantity::Of(static_cast<std::int64_t>(std::clamp<Wide>(bound, 0, kMost)));
}

}  // namespace purser::policy
