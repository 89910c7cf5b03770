// The telling side of an AgentBudget: its status and the events of its conditions. Acting never
// waits for it.
#pragma once

#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/budget_status.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/agent_budget/still_spending.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "kube/client.h"
#include "kube/events.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// A status waits that long for the work that its evaluation caused, rather than compete with it for
// the API server; a burst of changes becomes one write. The first status is told at once.
inline constexpr std::chrono::milliseconds kReportAfter{500};

// Thread-safe. What its dependencies refer to must outlive it.
class BudgetReporter {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    const ledger::Ledger& ledger;
    const EvaluationBoard& board;
    Clock& clock;
    KeyQueue& queue;             // of budgets whose status is due
    KeyQueue& evaluation_queue;  // of budgets to evaluate again: burn rates fall with time alone
    std::string ledger_id;       // of Store::LedgerId
    const StillSpendingBoard& still_spending;
  };
  explicit BudgetReporter(Dependencies dependencies);

  // After each evaluation: queues the budget if its status is worth a write, now or in a minute. No
  // I/O.
  void Consider(const BudgetPointer& budget, const std::optional<BudgetProblem>& problem);

  // The same for a budget whose status surely is worth a write, such as an edited one; costs
  // nothing while its pools are about to be acted on.
  void Expect(const kube::ObjectKey& key);

  // Writes the status of a queued budget. An error is retried by the caller with backoff.
  Status Report(const kube::ObjectKey& key);

  void Forget(const kube::ObjectKey& key);

 private:
  // What is remembered of a budget: of most, only the time.
  struct Memory {
    std::optional<BudgetProblem> problem;
    std::optional<Timestamp> last_write;
    std::int64_t last_entry = 0;  // of the journal, that was told
  };
  enum class History { kAsWritten, kWithClosedWindows };
  api::AgentBudgetStatus StatusOf(const api::AgentBudget& budget, const Memory& memory,
                                  History history, Timestamp now) const;
  bool WaitsForFirstRead(const api::AgentBudget& budget, const Memory& memory) const;
  // Who spends most of what a rule of burnRates tells; "" where none is met.
  std::string BurnersOf(const api::AgentBudget& budget, const Evaluation& evaluation,
                        Timestamp now) const;
  std::vector<api::ClosedWindow> HistoryOf(const api::AgentBudget& budget,
                                           const Evaluation& evaluation) const;
  // Entries of the journal that matter to the budget and were written since it was told last.
  void RecordJournal(const api::AgentBudget& budget, const Evaluation& evaluation);
  void RecordEvents(const api::AgentBudget& budget, const api::AgentBudgetStatus& after);

  const Dependencies on_;
  const Timestamp started_;
  std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, Memory> memory_;
};

}  // namespace purser::controllers
