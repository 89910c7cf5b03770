// From what is known of a subject to its row: a pure function.
#pragma once

#include <optional>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "ledger/ledger.h"
#include "policy/budget_decision.h"
#include "policy/sight.h"
#include "policy/window.h"

namespace purser::controllers {

struct RowInput {
  const api::AgentBudget& budget;
  const SubjectPointer& subject;
  Quantity limit;  // in force for it
  const ledger::Total& total;
  std::optional<Quantity> spent_at_least;
  const policy::Window& window;
  const policy::SourceState& source;
  const policy::Sight& sight;
  Timestamp now;
  std::vector<policy::BurnSpend> burns;  // parallel to spec.burn_rates
  const Row* before = nullptr;           // of the same subject and spec; null: none
  // What held before a restart, if there is no row before.
  policy::Latches recalled = {};
  policy::StopDelay delay = {};
  std::optional<policy::BudgetInput::Grace> grace = {};
};

// What is booked for a subject.
class BookedSpend {
 public:
  virtual ~BookedSpend() = default;
  virtual Amounts Recent(Duration span) const = 0;  // up to now; `span` up to an hour
  virtual Result<Amounts> Sum(const ledger::Coverage& coverage) const = 0;
};

// What was spent within the times of the budget's rules. Sum is asked only where a rule looks back
// for more than an hour and may burn. Error: that of Sum.
Result<std::vector<policy::BurnSpend>> BurnsOf(const api::AgentBudget& budget,
                                               const Subject& subject, const BookedSpend& booked,
                                               Timestamp now);

// The same, of a ledger: it waits for the disk where Sum is asked. Error: the store's.
Result<std::vector<policy::BurnSpend>> BurnsOf(const api::AgentBudget& budget,
                                               const Subject& subject, const ledger::Ledger& ledger,
                                               Timestamp now);

RowPointer MakeRow(const RowInput& input);

// One that asks nothing and restores nothing: of a budget that could not be evaluated yet.
RowPointer HeldRow(const kube::ObjectKey& budget, const SubjectPointer& subject, bool may_relax);

}  // namespace purser::controllers
