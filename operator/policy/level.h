// What a budget asks of the agents it covers.
#pragma once

#include <string_view>

namespace purser::policy {

// Strength in numeric order.
enum class Level { kNormal = 0, kWarning, kThrottled, kRefusingWork, kStopped };
std::string_view ToString(Level level);  // Normal | Warning | Throttled | RefusingWork | Stopped

}  // namespace purser::policy
