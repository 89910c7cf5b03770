// What a budget had taken because spend was not seen: after a restart, which knows nothing, by what
// stands in the status of the budget and of its pools.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "controllers/agent_budget/scope.h"
#include "policy/latch.h"
#include "policy/sight.h"
#include "policy/window.h"

namespace purser::controllers {

// Pure. Nothing: nothing was, or the status is of another window or spec. `pools`: those it covers.
std::optional<policy::Sight> Recall(const api::AgentBudget& budget, const policy::Window& window,
                                    const std::vector<PoolPointer>& pools);

// What held by hysteresis of a subject ("": all): what the ledger has kept, and what the status of
// the same spec says, for the ledger may be a new one. Since when it was below is not known: its
// five minutes begin anew.
policy::Latches RecallLatches(const api::AgentBudget& budget, const std::string& subject,
                              const std::vector<std::string>& kept = {});

}  // namespace purser::controllers
