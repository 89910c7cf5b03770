#include "controllers/agent_budget/sight_conditions.h"

#include <algorithm>

#include "api/codec.h"
#include "base/join.h"
#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/agent_budget/report_conditions.h"
#include "controllers/conditions.h"
#include "controllers/metering/metered_condition.h"
#include "policy/measure.h"

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
  const auto set = [&](const MeteredCondition& condition) {
    conditions.Set("Metered", condition.metered, condition.reason, condition.message);
  };
  if (report.health.state != ledger::SourceHealth::State::kHealthy)
    return set(UnreadOf(report.health.state, ""));
  if (report.evaluation == nullptr) return;
  const auto& issues = report.evaluation->issues;
  const auto& asked = report.evaluation->sight.agents;
  // An agent that is kept stopped runs no more, so that nothing is amiss but what was taken of it.
  std::vector<MeterIssue> all;
  for (const auto& [agent, sight] : asked) {
    const bool told = std::any_of(issues.begin(), issues.end(), [&](const MeterIssue& issue) {
      return issue.lost && issue.agent == agent;
    });
    if (sight.level == policy::Level::kNormal || sight.unpriced || told) continue;
    all.push_back(
        {agent, "NoSamples",
         agent + " has shown no sample since its meter was lost at " + FormatUtc(sight.since), true,
         sight.since});
  }
  all.insert(all.end(), issues.begin(), issues.end());
  set(MeteredOf(all, [&](const std::string& agent) -> std::string {
    const auto found = asked.find(agent);
    if (found == asked.end() || found->second.level == policy::Level::kNormal) return "";
    if (found->second.unpriced) return "";
    return "; asked of it: " + std::string(policy::ToString(found->second.level)) +
           " (onSourceLoss), until it is seen again, the window ends or this budget is edited";
  }));
}

// What models without a price come to in this window, and what of it counts.
std::string EstimateText(const BudgetReport& report) {
  Money estimated;
  if (report.evaluation != nullptr) {
    for (const auto& row : report.evaluation->rows) estimated += row->estimated;
  }
  const auto& spec = report.budget.spec;
  if (spec.unit != Unit::kUsd || estimated <= Money()) return "";
  const bool counts = spec.on_unpriced != api::OnUnpriced::kIgnore;
  return kEstimate + estimated.ToDollars() + " in this window, which is " +
         (counts ? "counted" : "not counted");
}

// Which agents onUnpriced keeps stopped.
std::string StoppedForIt(const BudgetReport& report) {
  std::vector<std::string> agents;
  if (report.evaluation == nullptr) return "";
  for (const auto& [agent, sight] : report.evaluation->sight.agents) {
    if (sight.unpriced && sight.level == policy::Level::kStopped && agents.size() < kMostTold)
      agents.push_back(agent);
  }
  if (agents.empty()) return "";
  return "stopped for it until the window ends or this budget is edited: " + Join(agents);
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
  // Told as long as the window holds such an amount, though no such call was made of late.
  const auto estimate = EstimateText(report);
  if (count == 0 && estimate.empty()) {
    conditions.Set(kPricing, true, "Priced", "no call without a price is known");
    return;
  }
  AddMore(message, kMostTold, count);
  if (const auto stopped = StoppedForIt(report); !stopped.empty()) AddPart(message, stopped);
  if (!estimate.empty()) AddPart(message, estimate);
  conditions.Set(
      kPricing, false, "UnknownModel",
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
                        "Reject, reason: why}, NUMBER being the one before its colon";
  std::size_t told = 0;
  for (const auto& entry : report.doubts) {
    if (told == kMostTold) break;
    AddPart(message, Describe(entry, report.budget.spec));
    ++told;
  }
  AddMore(message, told, static_cast<std::size_t>(doubts));
  if (static_cast<std::size_t>(doubts) > told) message += " (`purser journal --held` lists all)";
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
    AddPart(message, "known since " + FormatUtc(*health.epoch) +
                         "; spend before it is not in it: this window began "
                         "before this ledger did (how far back a first start reads is the source's "
                         "backfill)");
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

std::string Describe(const ledger::JournalEntry& entry, const api::AgentBudgetSpec& spec) {
  std::string text = std::string(ledger::ToString(entry.kind)) + " " + std::to_string(entry.id);
  // What is only told comes to nothing.
  if (!entry.amount.IsZero())
    text += ": " + ToText(policy::MeasureOf(entry.amount, spec), spec.unit);
  if (spec.unit == Unit::kUsd && entry.amount.estimated != Money()) text += " (estimated)";
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
