// The status of an AgentBudget: a pure function of what is known, and the rule for when to write
// it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "controllers/agent_budget/evaluation.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// Why a budget cannot be evaluated: Ready=False with this reason and message.
struct BudgetProblem {
  std::string
      reason;  // CamelCase: InvalidSpec | UnknownTimeZone | UnknownSource | StoreUnavailable
  std::string message;
};

// As many agents as a status names.
inline constexpr std::size_t kDearestAgents = 20;

class StillSpendingBoard;

struct BudgetReport {
  const api::AgentBudget& budget;
  const std::optional<BudgetProblem>& problem;
  const Evaluation* evaluation = nullptr;  // null: never evaluated; with a problem, what is held
  const ledger::Ledger::AgentTotals& agents;
  const ledger::SourceHealth& health;
  std::vector<api::ClosedWindow> history;
  Timestamp now;
  std::vector<ledger::JournalEntry> doubts{};  // the newest that are held
  std::string ledger_id{};
  const StillSpendingBoard* still_spending = nullptr;
  std::string burners{};  // who spends most where a rule of burnRates is met: "writer ($12)"
};

api::AgentBudgetStatus BuildBudgetStatus(const BudgetReport& report);

// Whether `after` is worth a write now, `before` being what the API server has: a state, a
// condition, a window, a percent of the limit; other changes of the amounts at most once a minute
// (`last_write`).
bool WorthWriting(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after,
                  std::optional<Timestamp> last_write, Timestamp now);

// Whether amounts differ that a later write should carry.
bool AmountsDiffer(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after);

inline constexpr Duration kAmountInterval = std::chrono::minutes(1);

}  // namespace purser::controllers
