// A replay for people and for programs. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backtest/replay.h"
#include "backtest/suggestion.h"
#include "money/quantity.h"

namespace purser::backtest {

// What happened when, and what came of it: all, then the agents, the dearest first.
std::string ReportText(const Replayed& replayed);
nlohmann::json ReportJson(const Replayed& replayed);

// One row a limit.
std::string LimitsText(const std::vector<Tried>& tried, Unit unit);
nlohmann::json LimitsJson(const std::vector<Tried>& tried, Unit unit);

std::string SuggestionText(const Tried& tried, Unit unit, double percent);

// "$41.24 of 312 calls"
std::string AmountText(const Amounts& amounts);

}  // namespace purser::backtest
