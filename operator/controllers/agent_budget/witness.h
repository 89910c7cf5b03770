// The status of a budget as the last witness of a ledger that was lost.
#pragma once

#include <optional>
#include <string>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/quantity.h"
#include "policy/window.h"

namespace purser::controllers {

// What the budget's status says was spent by a subject ("": all) in `window` at least, if that was
// read from another ledger than `ledger_id`; a status that names none was, if this one began
// (`epoch`) within the window. Of a Rolling window of this length: as long as it reaches back
// before `epoch`.
std::optional<Quantity> SpentAtLeast(const api::AgentBudget& budget, const std::string& subject,
                                     const policy::Window& window, const std::string& ledger_id,
                                     std::optional<Timestamp> epoch);

}  // namespace purser::controllers
