#include "controllers/agent_budget/still_spending.h"

#include <algorithm>
#include <utility>

#include "base/join.h"
#include "base/time_text.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kMostTold = 5;  // a condition's message has 4,096 bytes

std::string Who(const SpentAfterStop& one) {
  std::string text =
      one.agent + " " + one.spent.cost.ToDollars() + " or more since " + FormatUtc(one.since);
  if (one.running > 0) text += " (" + std::to_string(one.running) + " pods still run)";
  return text;
}

bool SameSpenders(const std::vector<SpentAfterStop>& a, const std::vector<SpentAfterStop>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.agent == other.agent && one.since == other.since &&
           (one.running > 0) == (other.running > 0);
  });
}

}  // namespace

std::string StillSpendingMessage(const std::vector<SpentAfterStop>& spent) {
  std::vector<std::string> who;
  std::vector<std::string> running;
  bool kept = false;
  bool elsewhere = false;
  for (const auto& one : spent) {
    if (who.size() < kMostTold) who.push_back(Who(one));
    kept = kept || one.kept;
    elsewhere = elsewhere || (!one.kept && one.running == 0);
    if (one.running > 0 && !one.kept && running.size() < kMostTold) running.push_back(one.workload);
  }
  std::string message = "stopped, and spend goes on: " + Join(who);
  if (spent.size() > who.size())
    message += " and " + std::to_string(spent.size() - who.size()) + " more agents";
  if (!running.empty()) {
    message += "; pods still run of " + Join(running) +
               ": look for one that does not heed SIGTERM (terminationGracePeriodSeconds), for "
               "whoever scales it up again, and for a refused write; kubectl delete pod ends one";
  }
  if (kept) {
    message +=
        "; spec.scaling.onStop is Keep and the limit of 0 is not heeded: set it to Zero, or have "
        "the agents read their limits";
  }
  if (elsewhere) {
    message +=
        "; nothing of the agents' workloads runs, so something else spends under their name: look "
        "for a Rollout, Job or bare pod with the agent's label, another cluster in the same "
        "Prometheus, a misspelt agent or workload, an agent outside Kubernetes, or its key at the "
        "gateway, and stop it there";
  }
  return message;
}

bool StillSpendingBoard::Put(const kube::ObjectKey& pool, std::vector<SpentAfterStop> spent) {
  const std::lock_guard lock(mutex_);
  const auto [entry, first] = by_pool_.try_emplace(pool);
  const bool changed = first || !SameSpenders(entry->second, spent);
  entry->second = std::move(spent);
  return changed;
}

void StillSpendingBoard::Remove(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  by_pool_.erase(pool);
}

std::optional<std::vector<SpentAfterStop>> StillSpendingBoard::Of(
    const kube::ObjectKey& pool) const {
  const std::lock_guard lock(mutex_);
  const auto entry = by_pool_.find(pool);
  if (entry == by_pool_.end()) return std::nullopt;
  return entry->second;
}

std::optional<std::vector<SpentAfterStop>> StillSpendingOf(const StillSpendingBoard& board,
                                                           const Evaluation& evaluation) {
  std::vector<SpentAfterStop> spent;
  bool all = true;
  for (const auto& pool : evaluation.scope->pools) {
    const auto found = board.Of(pool.key);
    if (!found) {
      all = false;
      continue;
    }
    for (const auto& one : *found) {
      if (std::find(pool.agents.begin(), pool.agents.end(), one.agent) != pool.agents.end())
        spent.push_back(one);
    }
  }
  if (!all && spent.empty()) return std::nullopt;
  return spent;
}

void AddStillSpending(const BudgetReport& report, ReportConditions& conditions) {
  if (report.evaluation == nullptr || report.still_spending == nullptr) return;
  const auto spent = StillSpendingOf(*report.still_spending, *report.evaluation);
  if (!spent) {
    // After a restart what was told holds until the pools have been looked at.
    const auto* told = FindCondition(report.budget.status.conditions, "StillSpending");
    if (told != nullptr && told->status == "True" && !report.problem)
      conditions.Set("Ready", false, told->reason, told->message);
    return;
  }
  if (spent->empty()) {
    conditions.Set("StillSpending", false, "NoSpendAfterStop", "no stopped agent spends");
    return;
  }
  const auto message = StillSpendingMessage(*spent);
  conditions.Set("StillSpending", true, "SpendAfterStop", message);
  if (!report.problem) conditions.Set("Ready", false, "SpendAfterStop", message);
}

}  // namespace purser::controllers
