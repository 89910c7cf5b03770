// `purser try`: a day of five agents, of which one runs away at two in the afternoon. Pure; the
// same every time.
#pragma once

#include <string>
#include <vector>

#include "backtest/manifests.h"
#include "backtest/replay.h"
#include "backtest/usage_file.h"

namespace purser::backtest {

// The budget and the pool of the day, as somebody would apply them.
extern const char* const kTrialManifests;

// About 5,000 calls, from 2026-01-05T00:00:00Z on.
std::vector<Call> TrialCalls();

// The terminal's picture of the first `at` of the day: what each agent asked and spent, the budget
// against its limit, and the last events. Lines of at most 78 characters.
std::string TrialFrame(const std::vector<Call>& calls, const Replayed& replayed, Timestamp at);

}  // namespace purser::backtest
