// What a budget asks of the agents it covers.
#pragma once

#include <string_view>

#include "api/agent_budget.h"

namespace purser::policy {

// Strength in numeric order.
enum class Level { kNormal = 0, kWarning, kDowngraded, kThrottled, kRefusingWork, kStopped };
Level LevelOf(api::Action action);
std::string_view ToString(
    Level level);  // Normal | Warning | Downgraded | Throttled | RefusingWork | Stopped

}  // namespace purser::policy
