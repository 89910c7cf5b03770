// Limits side by side, and the least one that refuses little enough. Pure.
#pragma once

#include <optional>
#include <vector>

#include "backtest/replay.h"
#include "money/quantity.h"

namespace purser::backtest {

struct Tried {
  Quantity limit;
  Outcome outcome;
  std::int64_t stops = 0;  // times that some subject was stopped
};

// The one budget of `manifests` with each of these limits. Error kInvalidArgument: more than one
// budget, for which a limit would mean nothing.
Result<std::vector<Tried>> TryLimits(const Manifests& manifests, const std::vector<Call>& calls,
                                     Duration poll, const std::vector<Quantity>& limits);

// The least limit under which at most so many percent of the calls are refused or held back, to a
// hundredth of what would let all pass.
Result<Tried> SuggestLimit(const Manifests& manifests, const std::vector<Call>& calls,
                           Duration poll, double percent);

// Percent of the calls that were refused or held back.
double RefusedPercent(const Outcome& outcome);

}  // namespace purser::backtest
