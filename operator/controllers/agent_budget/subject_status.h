// The part of a budget's status that tells its subjects apart.
#pragma once

#include <string>

#include "api/agent_budget.h"
#include "controllers/agent_budget/budget_status.h"
#include "controllers/agent_budget/evaluation.h"

namespace purser::controllers {

// subjects, states and summary.
void AddSubjects(const BudgetReport& report, api::AgentBudgetStatus& status);

// For the conditions of levels: the row's own message, or how many subjects are in which state and
// the messages of the worst.
std::string LevelMessage(const Evaluation& evaluation);

// For a status: what holds by hysteresis.
std::vector<std::string> HoldsOf(const Row& row);

}  // namespace purser::controllers
