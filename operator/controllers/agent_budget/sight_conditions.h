// The conditions that tell what a budget cannot see: SourceHealthy, Metered, PricingComplete,
// SpendInDoubt, LedgerGap. Each message says what was seen, when, how much, and the way out.
#pragma once

#include "api/agent_budget.h"
#include "controllers/agent_budget/budget_status.h"

namespace purser::controllers {

void AddSightConditions(const BudgetReport& report, api::AgentBudgetStatus& status);

// "Doubt 42: $210 of researcher at 2026-11-27T10:15:00Z (1250 -> 1040), agent_cost_usd_total{…}:
// why"
std::string Describe(const ledger::JournalEntry& entry);

}  // namespace purser::controllers
