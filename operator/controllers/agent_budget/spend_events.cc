// The events of a budget: changes of its conditions, and entries of the journal that matter to it.
#include <algorithm>
#include <array>

#include "controllers/agent_budget/budget_reporter.h"
#include "controllers/agent_budget/sight_conditions.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kMostEntries = 5;
constexpr std::size_t kMostRead = 100;

// How every first start begins, or what another condition tells: no alarm.
constexpr std::array<std::string_view, 4> kQuiet = {"NotReadYet", "NoSeries", "ReadingHistory",
                                                    "SourceLost"};

bool IsQuiet(const kube::Condition& condition) {
  return std::find(kQuiet.begin(), kQuiet.end(), condition.reason) != kQuiet.end();
}

// First values and steps are the meter's ordinary day.
bool IsNotable(ledger::JournalKind kind) {
  using enum ledger::JournalKind;
  return kind != kFirstValue && kind != kRestart && kind != kDip && kind != kEpoch &&
         kind != kLargeStep;
}

}  // namespace

void BudgetReporter::RecordEvents(const api::AgentBudget& budget,
                                  const api::AgentBudgetStatus& after) {
  const auto record = [&](const char* type, const char* good) {
    const auto* before = FindCondition(budget.status.conditions, type);
    const auto* now = FindCondition(after.conditions, type);
    if (now == nullptr || (before != nullptr && before->status == now->status)) return;
    const bool bad = now->status != good;
    if ((before == nullptr && !bad) || IsQuiet(*now)) return;
    on_.events.Record(ReferenceTo(budget),
                      bad ? kube::EventType::kWarning : kube::EventType::kNormal, now->reason,
                      "Evaluate", now->message);
  };
  // A source that was never read and has no series yet is quiet; one that had some is not.
  const auto* source = FindCondition(after.conditions, "SourceHealthy");
  const auto* known = FindCondition(budget.status.conditions, "SourceHealthy");
  if (source != nullptr && source->reason == "NoSeries" && known != nullptr &&
      known->status == "True") {
    on_.events.Record(ReferenceTo(budget), kube::EventType::kWarning, source->reason, "Evaluate",
                      source->message);
  }
  for (const char* type : {"ScopeResolved", "SourceHealthy", "Metered"}) record(type, "True");
  const auto* ready = FindCondition(after.conditions, "Ready");
  // That is told as StillSpending.
  if (ready == nullptr || ready->reason != "SpendAfterStop") record("Ready", "True");
  if (budget.spec.on_unpriced != api::OnUnpriced::kIgnore) record("PricingComplete", "True");
  record("SpendInDoubt", "False");
  record("BurnRateHigh", "False");
  record("StillSpending", "False");
  const auto* gap = FindCondition(after.conditions, "LedgerGap");
  const auto* before = FindCondition(budget.status.conditions, "LedgerGap");
  if (gap != nullptr && gap->status == "True" && (before == nullptr || before->status != "True")) {
    on_.events.Record(ReferenceTo(budget), kube::EventType::kWarning, gap->reason, "Evaluate",
                      gap->message);
  }
}

void BudgetReporter::RecordJournal(const api::AgentBudget& budget, const Evaluation& evaluation) {
  const auto key = budget.meta.key();
  std::int64_t last = 0;
  {
    const std::lock_guard lock(mutex_);
    last = memory_[key].last_entry;
  }
  ledger::JournalFilter filter;
  filter.source = budget.spec.source;
  filter.ns = budget.meta.ns;
  if (!evaluation.scope->whole_namespace) {
    if (evaluation.scope->agents.empty()) return;
    filter.agents = evaluation.scope->agents;
  }
  filter.since = evaluation.window.start;
  filter.most = kMostRead;
  const auto read = on_.ledger.Journal(filter);
  if (!read) return;  // told again with the next status
  std::vector<const ledger::JournalEntry*> notable;
  for (const auto& entry : *read) {
    // What was written before this life began was told by the one before.
    if (entry.id > last && entry.recorded >= started_ && IsNotable(entry.kind))
      notable.push_back(&entry);
  }
  if (!read->empty()) {
    const std::lock_guard lock(mutex_);
    memory_[key].last_entry = std::max(last, read->back().id);
  }
  const auto skipped = notable.size() > kMostEntries ? notable.size() - kMostEntries : 0;
  for (std::size_t i = skipped; i < notable.size(); ++i) {
    const auto& entry = *notable[i];
    const bool asked = entry.kind == ledger::JournalKind::kCorrection;
    on_.events.Record(
        ReferenceTo(budget), asked ? kube::EventType::kNormal : kube::EventType::kWarning,
        std::string(ledger::ToString(entry.kind)), "Meter", Describe(entry, budget.spec));
  }
}

}  // namespace purser::controllers
