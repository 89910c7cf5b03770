// What one budget demands of the pools it covers, and the board where pools read it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_budget.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/agent_budget/subject.h"
#include "controllers/metering/metering.h"
#include "ledger/ledger.h"
#include "policy/budget_decision.h"
#include "policy/overspend.h"
#include "policy/share.h"
#include "policy/sight.h"

namespace purser::controllers {

// What a budget demands of one of its subjects. Immutable once published.
struct Row {
  kube::ObjectKey budget;
  SubjectPointer subject;  // never null
  policy::BudgetDecision decision;
  policy::Counted counted;                  // what decision.spent is made of
  Money estimated;                          // of what is booked: calls of models without a price
  std::optional<Quantity> spent_at_least;   // of this window, by the status of a lost ledger
  std::int64_t doubts = 0;                  // entries behind counted.in_doubt
  std::optional<ledger::BothMeters> both;   // of a source with two meters
  Amounts last_5_minutes;                   // of what counts
  std::vector<policy::PoolShare> shares;    // parallel to subject->pools; filled while throttled
  std::optional<Timestamp> next_threshold;  // when it is reached, at the present rate
  Quantity overspend_bound;

  // Position of `pool` in subject->pools, or -1.
  std::ptrdiff_t Find(const kube::ObjectKey& pool) const;
};
using RowPointer = std::shared_ptr<const Row>;

// Immutable once published.
struct Evaluation {
  kube::ObjectKey budget;
  std::int64_t generation = 0;  // of the budget's spec
  // Of which `window` is one; nothing: the budget could never be evaluated.
  std::optional<api::WindowSpec> window_spec;
  policy::Window window;
  policy::Sight sight;
  std::vector<MeterIssue> issues;  // of the agents covered
  // Never null.
  std::shared_ptr<const ResolvedScope> scope = std::make_shared<const ResolvedScope>();
  std::vector<RowPointer> rows;        // sorted by the subject's name
  std::vector<std::string> overrides;  // those that count now, for people
  std::vector<api::OverrideTold> overrides_told;
  policy::StopDelay delay;
  bool audit = false;     // computed and reported, nothing touched
  bool may_relax = true;  // false: what is taken is held
  // The budget cannot be evaluated at present: this keeps what it had taken, and asks nothing of
  // pools that came later.
  bool held = false;

  // What is asked of one agent by a row that governs it, and whether what was taken from it may be
  // restored.
  policy::Level LevelFor(const Row& row, const std::string& agent) const;
  bool MayRelax(const std::string& agent) const;
  // The row of a subject; null: there is none.
  RowPointer RowOf(const std::string& subject) const;
  // The one that asks most, and of those the one spent furthest; null: no subject.
  RowPointer Worst() const;
  // Whether two evaluations ask the same of every pool.
  bool SameDemand(const Evaluation& other) const;
  // Position of `pool` in scope->pools, or -1.
  std::ptrdiff_t Find(const kube::ObjectKey& pool) const;
  // Whether it covers `pool` as its spec is now, or newer.
  bool Knows(const api::AgentPool& pool) const;
  // Whether it covers the agents that the pool's selector finds now.
  bool KnowsAgents(const api::AgentPool& pool) const;
};

// Held in doubt, of all rows together, and how many entries are behind that.
struct InDoubt {
  Quantity amount;
  std::int64_t doubts = 0;
};
InDoubt DoubtOf(const Evaluation& evaluation);
// What the status of a lost ledger said of all rows together; nothing: none was lost.
std::optional<Quantity> SpentAtLeastOf(const Evaluation& evaluation);

// Whether `a` is to be told before `b`: it asks more, or is spent further.
bool Worse(const Row& a, const Row& b);

using EvaluationPointer = std::shared_ptr<const Evaluation>;

// Thread-safe. Memory only: rebuilt from the caches and the ledger after a restart.
class EvaluationBoard {
 public:
  // Publishes; returns the pools whose demand changed (covered before or now).
  std::vector<kube::ObjectKey> Publish(const EvaluationPointer& evaluation);
  // Takes a deleted (or no longer valid) budget off the board; returns the pools it covered.
  std::vector<kube::ObjectKey> Remove(const kube::ObjectKey& budget);
  EvaluationPointer Get(const kube::ObjectKey& budget) const;
  // Every evaluation that covers `pool`, ordered by budget key.
  std::vector<EvaluationPointer> Covering(const kube::ObjectKey& pool) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, EvaluationPointer> by_budget_;
  std::unordered_map<kube::ObjectKey, std::map<kube::ObjectKey, EvaluationPointer>> by_pool_;
};

}  // namespace purser::controllers
