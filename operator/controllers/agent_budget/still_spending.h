// What agents spend though they are stopped: pools find it out, pools and budgets tell it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "controllers/agent_budget/report_conditions.h"
#include "kube/object/object_meta.h"
#include "money/amounts.h"

namespace purser::controllers {

struct SpentAfterStop {
  std::string agent;
  Amounts spent;
  Timestamp since;           // counted from then
  std::string workload{};    // "Deployment researcher"
  std::int64_t running = 0;  // of its pods, still
  bool kept = false;         // its replicas are (onStop: Keep)
  bool operator==(const SpentAfterStop&) const = default;
};

// Who spends, how much, and what to look for.
std::string StillSpendingMessage(const std::vector<SpentAfterStop>& spent);

// Where budgets read what pools found. Memory only. Thread-safe.
class StillSpendingBoard {
 public:
  // Whether others spend than before (amounts aside), so that budgets have something to tell.
  bool Put(const kube::ObjectKey& pool, std::vector<SpentAfterStop> spent);
  void Remove(const kube::ObjectKey& pool);
  // Nothing: nobody has looked yet.
  std::optional<std::vector<SpentAfterStop>> Of(const kube::ObjectKey& pool) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::vector<SpentAfterStop>> by_pool_;
};

// What stopped agents of the budget's scope spend. Nothing: some of its pools have not been looked
// at since the start, and the others show nothing.
std::optional<std::vector<SpentAfterStop>> StillSpendingOf(const StillSpendingBoard& board,
                                                           const Evaluation& evaluation);

// The budget's condition StillSpending, and Ready=False where it is True.
void AddStillSpending(const BudgetReport& report, ReportConditions& conditions);

}  // namespace purser::controllers
