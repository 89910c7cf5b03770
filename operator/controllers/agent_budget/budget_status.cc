#include "controllers/agent_budget/budget_status.h"

#include <algorithm>

#include "base/join.h"
#include "base/time_text.h"
#include "controllers/agent_budget/report_conditions.h"
#include "controllers/agent_budget/sight_conditions.h"
#include "controllers/agent_budget/still_spending.h"
#include "controllers/conditions.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

std::string StateOf(const BudgetReport& report) {
  if (report.problem || report.evaluation == nullptr) return "NotReady";
  if (report.evaluation->decision.audit) return "Audit";
  return std::string(policy::ToString(report.evaluation->decision.level));
}

// What a restart has not evaluated yet goes on to hold: it tells that something may be taken.
void KeepAmounts(const api::AgentBudgetStatus& before, api::AgentBudgetStatus& status) {
  status.window_start = before.window_start;
  status.window_end = before.window_end;
  status.resets_at = before.resets_at;
  status.limit = before.limit;
  status.spent = before.spent;
  status.remaining = before.remaining;
  status.percent_used = before.percent_used;
  status.agent_count = before.agent_count;
  status.agents = before.agents;
  status.in_doubt = before.in_doubt;
  status.ledger = before.ledger;
  status.spent_at_least = before.spent_at_least;
}

void AddAmounts(const BudgetReport& report, api::AgentBudgetStatus& status) {
  const auto& decision = report.evaluation->decision;
  // The evaluation's own: a held one's window is not that of the spec.
  const auto& window = report.evaluation->window_spec;
  const auto& zone = window ? window->time_zone : report.budget.spec.window.time_zone;
  status.window_start = policy::FormatTime(decision.window.start, zone);
  status.window_end = policy::FormatTime(decision.window.end, zone);
  status.resets_at = FormatUtc(decision.window.end);
  status.ledger = report.ledger_id;
  const auto& least = report.evaluation->spent_at_least;
  if (least) status.spent_at_least = least->ToDecimal();
  if (report.evaluation->doubts > 0)
    status.in_doubt = report.evaluation->counted.in_doubt.ToDecimal();
  status.limit = decision.limit.ToDecimal();
  status.spent = decision.spent.ToDecimal();
  status.remaining = decision.remaining.ToDecimal();
  status.percent_used = decision.percent_used;
  status.burn_per_hour = decision.burn_per_hour.ToDecimal();
  status.projected = decision.projected.ToDecimal();
  if (decision.exhausts_at) status.exhausts_at = FormatUtc(*decision.exhausts_at);
  status.agent_count = static_cast<std::int32_t>(report.agents.count);
  for (const auto& [name, spent] : report.agents.dearest) {
    status.agents.push_back({name, spent.cost.ToDecimal(), PercentUsed(spent.cost, decision.limit),
                             std::string(policy::ToString(decision.level))});
  }
}

void AddLevelConditions(const BudgetReport& report, ReportConditions& conditions) {
  const auto& decision = report.evaluation->decision;
  using policy::Level;
  const auto set = [&](const char* type, bool value, const std::string& reason) {
    conditions.Set(type, value, reason, decision.message);
  };
  const std::string suffix = decision.audit ? "InAudit" : "";
  set("Warning", decision.level >= Level::kWarning,
      decision.level >= Level::kWarning ? "ThresholdCrossed" : "BelowThresholds");
  set("Throttled", decision.level >= Level::kThrottled,
      decision.level >= Level::kThrottled ? std::string(policy::ToString(decision.level)) + suffix
                                          : "BelowThresholds");
  const bool exhausted = decision.spent >= decision.limit;
  set("Exhausted", exhausted, exhausted ? "LimitReached" : "WithinLimit");
}

}  // namespace

api::AgentBudgetStatus BuildBudgetStatus(const BudgetReport& report) {
  api::AgentBudgetStatus status;
  // Conditions carry over, so that a transition time moves only with its status.
  status.conditions = report.budget.status.conditions;
  status.observed_generation = report.budget.meta.generation;
  status.state = StateOf(report);
  status.history = report.history;

  ReportConditions conditions(report, status);
  if (report.problem) {
    if (report.evaluation != nullptr && report.evaluation->window_spec) {
      AddAmounts(report, status);
      status.exhausts_at.clear();  // a forecast needs spend that goes on being read
    } else {
      KeepAmounts(report.budget.status, status);
    }
    conditions.Set("Ready", false, report.problem->reason, report.problem->message);
  } else if (report.evaluation != nullptr) {
    AddAmounts(report, status);
    conditions.Set("Ready", true, "Evaluated", "the budget is evaluated with every new spend");
    const auto& missing = report.evaluation->scope.missing_pools;
    if (missing.empty()) {
      conditions.Set("ScopeResolved", true, "Resolved",
                     report.evaluation->scope.whole_namespace ? "the whole namespace"
                                                              : "every pool named exists");
    } else {
      conditions.Set("ScopeResolved", false, "PoolNotFound",
                     "spec.scope.pools: no valid AgentPool named " + Join(missing) +
                         " in namespace " + report.budget.meta.ns +
                         "; create it or correct the name");
    }
    AddLevelConditions(report, conditions);
  }
  AddStillSpending(report, conditions);
  AddSightConditions(report, status);
  return status;
}

bool AmountsDiffer(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after) {
  const bool burn_ended = before.burn_per_hour != after.burn_per_hour && after.burn_per_hour == "0";
  return before.spent != after.spent || burn_ended || before.agents != after.agents;
}

namespace {

// Whom a meter misses, which models have no price, since when the ledger knows: these messages stay
// as they are until that changes, whatever is spent meanwhile.
bool TellsOther(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after) {
  for (const char* type : {"Metered", "PricingComplete", "LedgerGap"}) {
    const auto* was = FindCondition(before.conditions, type);
    const auto* is = FindCondition(after.conditions, type);
    if (was != nullptr && is != nullptr && was->message != is->message) return true;
  }
  return false;
}

}  // namespace

bool WorthWriting(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after,
                  std::optional<Timestamp> last_write, Timestamp now) {
  if (before.state != after.state || before.observed_generation != after.observed_generation ||
      before.window_start != after.window_start || before.window_end != after.window_end ||
      before.limit != after.limit || before.percent_used != after.percent_used ||
      before.in_doubt != after.in_doubt || before.spent_at_least != after.spent_at_least ||
      before.history != after.history || TellsOther(before, after) ||
      ConditionsDiffer(before.conditions, after.conditions)) {
    return true;
  }
  if (!AmountsDiffer(before, after)) return false;
  return !last_write || now - *last_write >= kAmountInterval;
}

}  // namespace purser::controllers
