// What of the amounts that the ledger keeps a budget counts.
#pragma once

#include "api/agent_budget.h"
#include "money/amounts.h"
#include "money/quantity.h"

namespace purser::policy {

// By spec.unit, spec.tokens and spec.onUnpriced, which may leave estimated cost out. Never more
// than the amounts: cached tokens are part of the input.
Quantity MeasureOf(const Amounts& amounts, const api::AgentBudgetSpec& spec);
// Whatever onUnpriced says.
Quantity MeasureOf(const Amounts& amounts, Unit unit, const api::TokensSpec& tokens);

}  // namespace purser::policy
