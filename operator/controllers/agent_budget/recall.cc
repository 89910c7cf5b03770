#include "controllers/agent_budget/recall.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/time_text.h"
#include "controllers/agent_budget/sight_conditions.h"
#include "controllers/conditions.h"
#include "policy/level.h"

namespace purser::controllers {
namespace {

// Those that onSourceLoss may ask for.
constexpr std::array kAsked = {policy::Level::kThrottled, policy::Level::kStopped};

std::optional<policy::Level> AskedLevel(const std::string& state) {
  for (const auto level : kAsked) {
    // An agent that has pods yet is about to be stopped.
    const bool stopping =
        level == policy::Level::kStopped && (state == "Stopping" || state == "Draining");
    if (state == policy::ToString(level) || stopping) return level;
  }
  return std::nullopt;
}

const kube::Condition* Untrue(const api::AgentBudgetStatus& status, const char* type) {
  const auto* condition = FindCondition(status.conditions, type);
  return condition != nullptr && condition->status == "False" ? condition : nullptr;
}

// An agent that this budget asks more of than of all is one whose meter was lost, or that calls
// models without a price: nothing else concerns one agent alone where all share the limit.
void RecallAgents(const api::AgentBudget& budget, const std::vector<PoolPointer>& pools,
                  policy::Sight& sight) {
  const auto of_all = AskedLevel(budget.status.state).value_or(policy::Level::kNormal);
  const bool stops = budget.spec.on_unpriced == api::OnUnpriced::kStop;
  const bool unpriced = stops && Untrue(budget.status, "Metered") == nullptr;
  const char* type = unpriced ? kPricing : "Metered";
  const auto since = TransitionTime(budget.status.conditions, type);
  if (Untrue(budget.status, type) == nullptr || !since) return;
  if (budget.spec.scope.per != api::Per::kTotal) return;
  for (const auto& pool : pools) {
    for (const auto& agent : pool->status.agents) {
      const auto level = AskedLevel(agent.state);
      if (level && *level > of_all && agent.governed_by == budget.meta.name)
        sight.agents[agent.name] = {*level, *since, unpriced};
    }
  }
}

}  // namespace

policy::Latches RecallLatches(const api::AgentBudget& budget, const std::string& subject,
                              const std::vector<std::string>& kept) {
  const auto& status = budget.status;
  policy::Latches latches;
  for (const auto& key : kept) latches[key] = {true, std::nullopt};
  if (status.observed_generation != budget.meta.generation) return latches;
  const auto* holds = subject.empty() && status.subjects.empty() ? &status.holds : nullptr;
  for (const auto& one : status.subjects) {
    if (!subject.empty() && one.name == subject) holds = &one.holds;
  }
  if (holds == nullptr) return latches;
  for (const auto& key : *holds) latches[key] = {true, std::nullopt};
  return latches;
}

std::optional<policy::Sight> Recall(const api::AgentBudget& budget, const policy::Window& window,
                                    const std::vector<PoolPointer>& pools) {
  const auto& status = budget.status;
  const bool same_window = budget.spec.window.type == api::WindowType::kRolling ||
                           ParseRfc3339(status.window_start) == window.start;
  if (status.observed_generation != budget.meta.generation || !same_window) return std::nullopt;
  policy::Sight sight;
  if (Untrue(status, "SourceHealthy") != nullptr) {
    sight.may_relax = false;
    sight.level = AskedLevel(status.state).value_or(policy::Level::kNormal);
  }
  RecallAgents(budget, pools, sight);
  if (sight.may_relax && sight.agents.empty()) return std::nullopt;
  return sight;
}

}  // namespace purser::controllers
