// The conditions that tell what a budget cannot see: SourceHealthy, Metered, PricingComplete,
// SpendInDoubt, LedgerGap. Each message says what was seen, when, how much, and the way out.
#pragma once

#include "api/agent_budget.h"
#include "controllers/agent_budget/budget_status.h"

namespace purser::controllers {

// Of PricingComplete: where its message goes on with an amount that grows with what is spent.
inline constexpr const char* kPricing = "PricingComplete";
inline constexpr const char* kEstimate =
    "calls of models without a price are estimated to have cost ";

void AddSightConditions(const BudgetReport& report, api::AgentBudgetStatus& status);

// "Doubt 42: $210 of researcher at 2026-11-27T10:15:00Z (1250 -> 1040), agent_cost_usd_total{…}:
// why"; the amount as the budget counts.
std::string Describe(const ledger::JournalEntry& entry, const api::AgentBudgetSpec& spec);

}  // namespace purser::controllers
