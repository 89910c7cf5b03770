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
#include "controllers/metering/metering.h"
#include "policy/budget_decision.h"
#include "policy/share.h"
#include "policy/sight.h"

namespace purser::controllers {

// Immutable once published.
struct Evaluation {
  kube::ObjectKey budget;
  std::int64_t generation = 0;  // of the budget's spec
  // Of which decision.window is one; nothing: the budget could never be evaluated.
  std::optional<api::WindowSpec> window_spec;
  policy::BudgetDecision decision;
  policy::Counted counted;              // what decision.spent is made of
  std::optional<Money> spent_at_least;  // of this window, by the status of a lost ledger
  std::int64_t doubts = 0;              // entries behind counted.in_doubt
  policy::Sight sight;
  std::vector<MeterIssue> issues;  // of the agents covered
  ResolvedScope scope;
  std::vector<policy::PoolShare> shares;  // parallel to scope.pools; filled while throttled
  // The budget cannot be evaluated at present: this keeps what it had taken, and asks nothing of
  // pools that came later.
  bool held = false;

  // What is asked of one agent, and whether what was taken from it may be restored.
  policy::Level LevelFor(const std::string& agent) const;
  bool MayRelax(const std::string& agent) const;
  // Whether two evaluations ask the same of every pool.
  bool SameDemand(const Evaluation& other) const;
  // Position of `pool` in scope.pools, or -1.
  std::ptrdiff_t Find(const kube::ObjectKey& pool) const;
  // Whether it covers `pool` as its spec is now, or newer.
  bool Knows(const api::AgentPool& pool) const;
};

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
