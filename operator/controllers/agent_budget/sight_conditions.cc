#include "controllers/agent_budget/sight_conditions.h"

#include <algorithm>

#include "api/codec.h"
#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/agent_budget/report_conditions.h"
#include "controllers/conditions.h"

namespace purser::controllers {
namespace {

// A condition's message has 4,096 bytes: so many entries and agents are told whole.
constexpr std::size_t kMostTold = 5;
constexpr std::size_t kLongestPart = 700;

void AddPart(std::string& message, std::string_view part) {
  if (!message.empty()) message += "; ";
  message += CutUtf8(part, kLongestPart);
}

void AddMore(std::string& message, std::size_t told, std::size_t of) {
  if (of > told) message += "; and " + std::to_string(of - told) + " more";
}

void AddSource(const BudgetReport& report, ReportConditions& conditions) {
  const auto& health = report.health;
  using State = ledger::SourceHealth::State;
  if (health.state == State::kHealthy) {
    conditions.Set("SourceHealthy", true, "Reading", "spend is read completely");
    return;
  }
  const bool never = health.state == State::kNeverRead;
  std::string message = health.message;
  if (message.empty() && never) message = "the source has not been read yet";
  if (report.evaluation != nullptr && report.evaluation->sight.silent)
    message += "; no agent of this budget runs, so none of its spend is missed";
  conditions.Set("SourceHealthy", false,
                 health.reason.empty() ? (never ? "NotReadYet" : "Lost") : health.reason, message);
}

void AddMetered(const BudgetReport& report, ReportConditions& conditions) {
  using State = ledger::SourceHealth::State;
  if (report.health.state != State::kHealthy) {
    const bool never = report.health.state == State::kNeverRead;
    conditions.Set("Metered", false, never ? "NotReadYet" : "SourceLost",
                   "see the condition SourceHealthy");
    return;
  }
  if (report.evaluation == nullptr) return;
  // Those whose spend is not known come first.
  std::vector<const MeterIssue*> issues;
  for (const bool lost : {true, false}) {
    for (const auto& issue : report.evaluation->issues) {
      if (issue.lost == lost && issue.reason != kUnpriced) issues.push_back(&issue);
    }
  }
  // An agent that is kept stopped runs no more, so that nothing is amiss but what was taken of it.
  std::vector<MeterIssue> kept;
  for (const auto& [agent, asked] : report.evaluation->sight.agents) {
    const bool told = std::any_of(issues.begin(), issues.end(), [&](const MeterIssue* issue) {
      return issue->lost && issue->agent == agent;
    });
    if (asked.level == policy::Level::kNormal || told) continue;
    kept.push_back(
        {agent, "NoSamples",
         agent + " has shown no sample since its meter was lost at " + FormatUtc(asked.since), true,
         asked.since});
  }
  for (auto issue = kept.rbegin(); issue != kept.rend(); ++issue)
    issues.insert(issues.begin(), &*issue);
  if (issues.empty()) {
    conditions.Set("Metered", true, "Metered", "nothing is amiss with the meters of its agents");
    return;
  }
  std::string message;
  for (std::size_t i = 0; i < std::min(kMostTold, issues.size()); ++i) {
    std::string part = issues[i]->message;
    const auto& asked = report.evaluation->sight.agents;
    if (const auto found = asked.find(issues[i]->agent);
        found != asked.end() && found->second.level > policy::Level::kNormal) {
      part += "; asked of it: " + std::string(policy::ToString(found->second.level)) +
              " (onSourceLoss), until it is seen again, the window ends or this budget is edited";
    }
    AddPart(message, part);
  }
  AddMore(message, kMostTold, issues.size());
  conditions.Set("Metered", !issues.front()->lost, issues.front()->reason, message);
}

void AddPricing(const BudgetReport& report, ReportConditions& conditions) {
  std::string message;
  std::size_t count = 0;
  if (report.evaluation != nullptr) {
    for (const auto& issue : report.evaluation->issues) {
      if (issue.reason != kUnpriced) continue;
      if (++count <= kMostTold) AddPart(message, issue.message);
    }
  }
  if (count == 0) {
    conditions.Set("PricingComplete", true, "Priced", "no call without a price is known");
    return;
  }
  AddMore(message, kMostTold, count);
  conditions.Set(
      "PricingComplete", false, "UnknownModel",
      message + "; onUnpriced is " + std::string(api::ToString(report.budget.spec.on_unpriced)));
}

void AddDoubt(const BudgetReport& report, ReportConditions& conditions) {
  if (report.evaluation == nullptr) return;
  const auto [in_doubt, doubts] = DoubtOf(*report.evaluation);
  if (doubts == 0) {
    conditions.Set("SpendInDoubt", false, "NoDoubt", "no money is held in this window");
    return;
  }
  const bool counts = report.budget.spec.on_doubt == api::OnDoubt::kCount;
  std::string message = ToText(in_doubt, report.budget.spec.unit) + " is held in doubt and " +
                        (counts ? "counted (onDoubt: Count)" : "not counted (onDoubt: Hold)") +
                        "; decide each with a SpendCorrection in namespace " +
                        report.budget.meta.ns +
                        ": spec {doubt: NUMBER, decision: Accept or "
                        "Reject, reason: why}";
  std::size_t told = 0;
  for (const auto& entry : report.doubts) {
    if (told == kMostTold) break;
    AddPart(message, Describe(entry));
    ++told;
  }
  AddMore(message, told, static_cast<std::size_t>(doubts));
  conditions.Set("SpendInDoubt", true, counts ? "Counted" : "Held", message);
}

// Of a Rolling window: until this ledger knows all of it.
Timestamp WitnessedUntil(const BudgetReport& report, const Evaluation& evaluation) {
  const auto& window = report.budget.spec.window;
  if (window.type != api::WindowType::kRolling || !report.health.epoch)
    return evaluation.window.end;
  return *report.health.epoch + window.length;
}

// True as long as the window lasts in which spend is missing.
void AddGap(const BudgetReport& report, ReportConditions& conditions) {
  const auto& health = report.health;
  const auto* evaluation = report.evaluation;
  const auto since = evaluation != nullptr ? evaluation->window.start : Timestamp::min();
  std::string reason;
  std::string message;
  if (health.gap && health.gap->until > since) {
    reason = "SpendMayBeMissing";
    AddPart(message, health.gap->text);
  }
  if (evaluation != nullptr && health.epoch && *health.epoch > since) {
    if (reason.empty()) reason = "KnownSince";
    AddPart(message, "known since " + FormatUtc(*health.epoch) + "; spend before it is not in it");
  }
  const auto least = evaluation != nullptr ? SpentAtLeastOf(*evaluation) : std::nullopt;
  if (least) {
    if (reason.empty()) reason = "LedgerLost";
    AddPart(message, "the ledger that knew this window is lost; this status said " +
                         ToText(*least, report.budget.spec.unit) + " was spent, and until " +
                         FormatUtc(WitnessedUntil(report, *evaluation)) +
                         " nothing is restored below that");
  }
  if (!reason.empty()) {
    conditions.Set("LedgerGap", true, reason, message);
    return;
  }
  // Told before a restart, which knows no gap any more (nor, at first, since when it knows).
  const auto& told = report.budget.status.conditions;
  const auto* before = FindCondition(told, "LedgerGap");
  if (before != nullptr && before->status == "True" &&
      (before->reason == "SpendMayBeMissing" || !health.epoch) &&
      TransitionTime(told, "LedgerGap") >= since) {
    conditions.Set("LedgerGap", true, before->reason, before->message);
    return;
  }
  conditions.Set("LedgerGap", false, "Complete", "no gap known in this window");
}

}  // namespace

std::string Describe(const ledger::JournalEntry& entry) {
  std::string text = std::string(ledger::ToString(entry.kind)) + " " + std::to_string(entry.id) +
                     ": " + entry.amount.cost.ToDollars();
  if (!entry.key.agent.empty()) text += " of " + entry.key.agent;
  text += " at " + FormatUtc(entry.at);
  if (!entry.from.empty() || !entry.to.empty())
    text += " (" + (entry.from.empty() ? "nothing" : entry.from) + " -> " + entry.to + ")";
  if (!entry.series.empty()) text += ", " + entry.series;
  if (!entry.reason.empty()) text += ": " + entry.reason;
  if (!entry.by.empty()) text += " (by " + entry.by + ")";
  return text;
}

void AddSightConditions(const BudgetReport& report, api::AgentBudgetStatus& status) {
  ReportConditions conditions(report, status);
  AddSource(report, conditions);
  AddMetered(report, conditions);
  AddDoubt(report, conditions);
  AddGap(report, conditions);
  AddPricing(report, conditions);
}

}  // namespace purser::controllers
