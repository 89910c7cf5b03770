// The budgets and pools to replay under, as they are applied. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "api/agent_budget.h"
#include "base/result.h"
#include "controllers/agent_budget/scope.h"

namespace purser::backtest {

struct Manifests {
  std::vector<api::AgentBudget> budgets;
  std::vector<controllers::PoolPointer> pools;
};

// Adds what a file of YAML documents holds; objects without a namespace are of "default". Error
// kInvalidArgument: "FILE:LINE: what is wrong", also of kinds that are neither.
Status AddManifests(std::string_view yaml, std::string_view file, Manifests& manifests);

}  // namespace purser::backtest
