// What of the ledger counts for a budget: its scope in a window.
#pragma once

#include "api/agent_budget.h"
#include "controllers/agent_budget/scope.h"
#include "ledger/ledger.h"
#include "policy/window.h"

namespace purser::controllers {

inline ledger::Coverage CoverageOf(const api::AgentBudget& budget, const ResolvedScope& scope,
                                   const policy::Window& window) {
  return {budget.spec.source, budget.meta.ns, scope.whole_namespace,
          scope.agents,       window.start,   window.end};
}

}  // namespace purser::controllers
