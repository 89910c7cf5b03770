// How soon spend must be read again: seldom when no threshold is near, up to every second when one
// is.
#pragma once

#include <optional>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/quantity.h"

namespace purser::policy {

inline constexpr Duration kShortestPoll = std::chrono::seconds(1);

// The time until `spent` reaches the nearest threshold it has not reached, at the rate of the last
// five minutes; rounded down. Nothing when all are reached, when nothing was spent in those
// minutes, or when it would take longer than a year.
std::optional<Duration> TimeToNextThreshold(Quantity spent, Quantity limit,
                                            const std::vector<api::Threshold>& thresholds,
                                            Quantity last_5_minutes);

// `base` while the nearest crossing is at least two polls away, otherwise half the time left to it,
// so that polls get denser as it comes nearer; never below kShortestPoll, nor above `base`.
// `nearest`: the least TimeToNextThreshold (BudgetDecision::next_threshold_in) of all budgets of a
// source.
Duration PollInterval(Duration base, std::optional<Duration> nearest);

}  // namespace purser::policy
