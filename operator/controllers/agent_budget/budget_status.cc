#include "controllers/agent_budget/budget_status.h"

#include <algorithm>

#include "api/text_form.h"
#include "base/join.h"
#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/agent_budget/meters_disagree.h"
#include "controllers/agent_budget/report_conditions.h"
#include "controllers/agent_budget/sight_conditions.h"
#include "controllers/agent_budget/still_spending.h"
#include "controllers/agent_budget/subject_status.h"
#include "controllers/conditions.h"
#include "policy/measure.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

std::string StateOf(const BudgetReport& report, const Row* worst) {
  if (report.problem || report.evaluation == nullptr) return "NotReady";
  if (report.evaluation->audit) return "Audit";
  return std::string(
      policy::ToString(worst != nullptr ? worst->decision.level : policy::Level::kNormal));
}

// What a restart has not evaluated yet goes on to hold: it tells that something may be taken.
void KeepAmounts(const api::AgentBudgetStatus& before, api::AgentBudgetStatus& status) {
  status.window_length = before.window_length;
  status.window_exact_to = before.window_exact_to;
  status.window_start = before.window_start;
  status.window_end = before.window_end;
  status.resets_at = before.resets_at;
  status.limit = before.limit;
  status.spent = before.spent;
  status.remaining = before.remaining;
  status.percent_used = before.percent_used;
  status.agent_count = before.agent_count;
  status.agents = before.agents;
  status.subjects = before.subjects;
  status.states = before.states;
  status.summary = before.summary;
  status.in_doubt = before.in_doubt;
  status.meters = before.meters;
  status.ledger = before.ledger;
  status.spent_at_least = before.spent_at_least;
  status.overspend_bound = before.overspend_bound;
  status.holds = before.holds;
  status.overrides = before.overrides;
}

void AddDecision(const policy::BudgetDecision& decision, api::AgentBudgetStatus& status) {
  const auto text = [&](Quantity quantity) { return ToDecimal(quantity, decision.unit); };
  status.limit = text(decision.limit);
  status.spent = text(decision.spent);
  status.remaining = text(decision.remaining);
  status.percent_used = decision.percent_used;
  status.burn_per_hour = text(decision.burn_per_hour);
  if (decision.projected) status.projected = text(*decision.projected);
  if (decision.exhausts_at) status.exhausts_at = FormatUtc(*decision.exhausts_at);
}

void AddAgents(const BudgetReport& report, const policy::BudgetDecision& decision,
               api::AgentBudgetStatus& status) {
  status.agent_count = static_cast<std::int32_t>(report.agents.count);
  for (const auto& [name, amounts] : report.agents.dearest) {
    const auto spent = policy::MeasureOf(amounts, report.budget.spec);
    status.agents.push_back({name, ToDecimal(spent, decision.unit),
                             PercentUsed(spent, decision.limit),
                             std::string(policy::ToString(decision.level))});
  }
}

void AddWindow(const BudgetReport& report, api::AgentBudgetStatus& status) {
  const auto& evaluation = *report.evaluation;
  // The evaluation's own: a held one's window is not that of the spec.
  const auto& spec = evaluation.window_spec ? *evaluation.window_spec : report.budget.spec.window;
  if (spec.type == api::WindowType::kRolling) {
    // Not where it begins: that would be another every minute.
    status.window_length = api::DurationText(spec.length);
    status.window_exact_to = api::DurationText(policy::ExactTo(spec));
    return;
  }
  status.window_start = policy::FormatTime(evaluation.window.start, spec.time_zone);
  if (evaluation.window.end == policy::kNever) return;
  status.window_end = policy::FormatTime(evaluation.window.end, spec.time_zone);
  status.resets_at = FormatUtc(evaluation.window.end);
}

void AddAmounts(const BudgetReport& report, const Row* worst, api::AgentBudgetStatus& status) {
  const auto& evaluation = *report.evaluation;
  const auto unit = report.budget.spec.unit;
  AddWindow(report, status);
  status.ledger = report.ledger_id;
  status.overrides = evaluation.overrides_told;
  const auto in_doubt = DoubtOf(evaluation);
  if (in_doubt.doubts > 0) status.in_doubt = ToDecimal(in_doubt.amount, unit);
  if (worst == nullptr) return;
  AddDecision(worst->decision, status);
  status.overspend_bound = ToDecimal(worst->overspend_bound, unit);
  if (report.budget.spec.scope.per != api::Per::kTotal) {
    AddSubjects(report, status);
    return;
  }
  status.holds = HoldsOf(*worst);
  if (worst->spent_at_least) status.spent_at_least = ToDecimal(*worst->spent_at_least, unit);
  AddAgents(report, worst->decision, status);
}

void AddOverridden(const BudgetReport& report, ReportConditions& conditions) {
  const auto& overrides = report.evaluation->overrides;
  if (overrides.empty()) {
    conditions.Set("Overridden", false, "NoOverride", "no AgentBudgetOverride counts now");
    return;
  }
  constexpr std::size_t kMostTold = 5;
  constexpr std::size_t kLongestPart = 700;
  std::string message;
  for (std::size_t i = 0; i < std::min(kMostTold, overrides.size()); ++i) {
    if (i > 0) message += "; ";
    message += CutUtf8(overrides[i], kLongestPart);
  }
  if (overrides.size() > kMostTold)
    message += "; and " + std::to_string(overrides.size() - kMostTold) + " more";
  conditions.Set("Overridden", true, "OverridesCount", message);
}

// What rule is met, and who spends it.
void AddBurning(const BudgetReport& report, ReportConditions& conditions) {
  constexpr std::size_t kMostTold = 5;
  constexpr std::size_t kLongestPart = 700;
  std::string message;
  std::size_t told = 0;
  std::size_t all = 0;
  for (const auto& row : report.evaluation->rows) {
    if (row->decision.burning.empty() || ++all > kMostTold) continue;
    if (!message.empty()) message += "; ";
    message += CutUtf8(row->decision.message, kLongestPart);
    ++told;
  }
  if (all == 0) {
    conditions.Set("BurnRateHigh", false, "WithinRates", "no rule of burnRates is met");
    return;
  }
  if (all > told) message += "; and " + std::to_string(all - told) + " more";
  if (!report.burners.empty()) message += "; most of it by " + report.burners;
  conditions.Set("BurnRateHigh", true, "BurnRateHigh", message);
}

void AddLevelConditions(const BudgetReport& report, const Row* worst,
                        ReportConditions& conditions) {
  const auto& rows = report.evaluation->rows;
  using policy::Level;
  const Level level = worst != nullptr ? worst->decision.level : Level::kNormal;
  const bool exhausted = std::any_of(rows.begin(), rows.end(), [](const RowPointer& row) {
    return row->decision.spent >= row->decision.limit;
  });
  const std::string message = LevelMessage(*report.evaluation);
  const auto set = [&](const char* type, bool value, const std::string& reason) {
    conditions.Set(type, value, reason, message);
  };
  const std::string suffix = report.evaluation->audit ? "InAudit" : "";
  set("Warning", level >= Level::kWarning,
      level >= Level::kWarning ? "ThresholdCrossed" : "BelowThresholds");
  set("Throttled", level >= Level::kThrottled,
      level >= Level::kThrottled ? std::string(policy::ToString(level)) + suffix
                                 : "BelowThresholds");
  set("Exhausted", exhausted, exhausted ? "LimitReached" : "WithinLimit");
  AddBurning(report, conditions);
  AddOverridden(report, conditions);
}

}  // namespace

api::AgentBudgetStatus BuildBudgetStatus(const BudgetReport& report) {
  api::AgentBudgetStatus status;
  // Conditions carry over, so that a transition time moves only with its status.
  status.conditions = report.budget.status.conditions;
  status.observed_generation = report.budget.meta.generation;
  const auto row = report.evaluation != nullptr ? report.evaluation->Worst() : nullptr;
  const Row* worst = row.get();
  status.state = StateOf(report, worst);
  status.history = report.history;

  ReportConditions conditions(report, status);
  if (report.problem) {
    if (report.evaluation != nullptr && report.evaluation->window_spec) {
      AddAmounts(report, worst, status);
      status.exhausts_at.clear();  // a forecast needs spend that goes on being read
    } else {
      KeepAmounts(report.budget.status, status);
    }
    conditions.Set("Ready", false, report.problem->reason, report.problem->message);
  } else if (report.evaluation != nullptr) {
    AddAmounts(report, worst, status);
    conditions.Set("Ready", true, "Evaluated", "the budget is evaluated with every new spend");
    const auto& missing = report.evaluation->scope->missing_pools;
    if (missing.empty()) {
      conditions.Set("ScopeResolved", true, "Resolved",
                     report.evaluation->scope->whole_namespace ? "the whole namespace"
                                                               : "every pool named exists");
    } else {
      conditions.Set("ScopeResolved", false, "PoolNotFound",
                     "spec.scope.pools: no valid AgentPool named " + Join(missing) +
                         " in namespace " + report.budget.meta.ns +
                         "; create it or correct the name");
    }
    AddLevelConditions(report, worst, conditions);
  }
  AddMeters(report, status, conditions);
  AddStillSpending(report, conditions);
  AddSightConditions(report, status);
  return status;
}

namespace {

// Forecasts aside: they change with time alone.
bool SameSpent(const std::vector<api::SubjectSpend>& a, const std::vector<api::SubjectSpend>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.name == other.name && one.spent == other.spent && one.limit == other.limit &&
           one.state == other.state && one.holds == other.holds &&
           one.spent_at_least == other.spent_at_least;
  });
}

}  // namespace

bool AmountsDiffer(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after) {
  // Of calls without a price alone, `spent` may tell nothing.
  const auto* was = FindCondition(before.conditions, kPricing);
  const auto* is = FindCondition(after.conditions, kPricing);
  if (was != nullptr && is != nullptr && was->message != is->message) return true;
  const bool burn_ended = before.burn_per_hour != after.burn_per_hour && after.burn_per_hour == "0";
  return before.spent != after.spent || before.meters != after.meters || burn_ended ||
         before.agents != after.agents || !SameSpent(before.subjects, after.subjects);
}

namespace {

// Whom a meter misses, which models have no price, since when the ledger knows: these messages stay
// as they are until that changes, whatever is spent meanwhile.
bool TellsOther(const api::AgentBudgetStatus& before, const api::AgentBudgetStatus& after) {
  const auto text = [](const std::string& message) {
    return message.substr(0, message.find(kEstimate));  // the amount grows with what is spent
  };
  for (const char* type : {"Metered", "Overridden", kPricing, "LedgerGap"}) {
    const auto* was = FindCondition(before.conditions, type);
    const auto* is = FindCondition(after.conditions, type);
    if (was != nullptr && is != nullptr && text(was->message) != text(is->message)) return true;
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
      before.holds != after.holds || before.overrides != after.overrides ||
      before.history != after.history || before.states != after.states ||
      TellsOther(before, after) || ConditionsDiffer(before.conditions, after.conditions)) {
    return true;
  }
  if (!AmountsDiffer(before, after)) return false;
  return !last_write || now - *last_write >= kAmountInterval;
}

}  // namespace purser::controllers
