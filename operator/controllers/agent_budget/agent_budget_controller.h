// AgentBudget: spend + spec -> evaluation on the board. Touches no workload and writes nothing; the
// status is the reporter's.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/budget_reporter.h"
#include "controllers/agent_budget/budget_status.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_budget/held_rows.h"
#include "controllers/agent_budget/nearest_thresholds.h"
#include "controllers/agent_budget/row_maker.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "controllers/metering/meter_watch.h"
#include "kube/events.h"
#include "ledger/ledger.h"

namespace purser::controllers {

class AgentBudgetController {
 public:
  struct Dependencies {
    Caches& caches;
    kube::EventRecorder& events;
    ledger::Ledger& ledger;
    EvaluationBoard& board;
    BudgetReporter& reporter;
    Clock& clock;
    KeyQueue& queue;                                           // of budgets
    std::function<void(const kube::ObjectKey&)> enqueue_pool;  // with high priority
    // The least time in which any budget of the source reaches its next threshold, after each
    // change of spend.
    std::function<void(const std::string& source, Duration in)> threshold_near;
    std::set<std::string> sources;  // names in the configuration
    const MeterWatch& meters;
    std::string ledger_id;                               // of Store::LedgerId
    std::function<void(policy::Level)> on_level_change;  // for metrics
    std::map<std::string, Duration> seen_after;          // scrape and poll, by source
  };

  explicit AgentBudgetController(Dependencies dependencies);

  // Level-based: right from any state. An error is retried by the caller with backoff.
  Status Reconcile(const kube::ObjectKey& key);

  // The spend loop's way: evaluates the budgets whose totals changed and enqueues the pools whose
  // demand changed. No I/O but where a window has ended: what is booked in the new one is loaded.
  // `ids` are those given to Ledger::Track ("ns/name").
  void SpendChanged(const std::vector<std::string>& ids);

  // An edit's way: the pools hear of it at once, from the thread that brought it; no I/O. False:
  // the edit needs the store or more of the spec than amounts, and has to be queued.
  bool EvaluateEdited(const BudgetPointer& before, const BudgetPointer& after);

 private:
  // Evaluates the budget as it is in the cache, and publishes. Returns the problem that prevents
  // it, if any. Nothing is done for one that is gone: its deletion has been or will be handled.
  // `subjects`: those whose spend changed, and nothing else has; null: all is looked at anew.
  std::optional<BudgetProblem> Evaluate(const kube::ObjectKey& key,
                                        const std::vector<std::string>* subjects);
  // The window in force, `window` being that of `now`.
  static policy::Window WindowOf(const api::AgentBudget& budget, const Evaluation* before,
                                 policy::Window window, Timestamp now);
  // Writes down who is in its pools now. Error: the store's.
  Result<ResolvedScope> Resolve(const api::AgentBudget& budget) const;
  // How long it takes until nothing runs any more.
  policy::StopDelay DelayOf(const api::AgentBudget& budget, const ResolvedScope& scope) const;
  void Hold(const api::AgentBudget& budget);
  // What is seen of the agents covered, and what that asks for.
  void LookAtMeters(const api::AgentBudget& budget, const ledger::SourceHealth& health,
                    const Evaluation* before, Evaluation& evaluation, Timestamp now) const;
  void Publish(const BudgetPointer& budget, Evaluation evaluation);
  // An event where a row's level is another than before.
  void TellLevel(const api::AgentBudget& budget, const Row* before, const Row& row) const;
  void Forget(const kube::ObjectKey& key);
  std::mutex& StripeOf(const kube::ObjectKey& key);
  Dependencies on_;
  NearestThresholds nearest_;
  HeldRows held_;
  RowMaker rows_;
  // Evaluations of one budget are serialised: a newer one is never overwritten by an older.
  std::array<std::mutex, 64> stripes_;
};

}  // namespace purser::controllers
