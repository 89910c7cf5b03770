#include "controllers/agent_budget/subject_status.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/time_text.h"
#include "base/utf8.h"

namespace purser::controllers {
namespace {

// A condition's message has 4,096 bytes: so many subjects are told whole.
constexpr std::size_t kMostTold = 5;
constexpr std::size_t kLongestPart = 700;

std::vector<const Row*> WorstFirst(const Evaluation& evaluation, std::size_t most) {
  std::vector<const Row*> rows;
  rows.reserve(evaluation.rows.size());
  for (const auto& row : evaluation.rows) rows.push_back(row.get());
  const auto last = rows.begin() + static_cast<std::ptrdiff_t>(std::min(most, rows.size()));
  std::partial_sort(rows.begin(), last, rows.end(), [](const Row* a, const Row* b) {
    if (Worse(*a, *b)) return true;
    return !Worse(*b, *a) && a->subject->name < b->subject->name;
  });
  rows.erase(last, rows.end());
  return rows;
}

std::map<policy::Level, std::int32_t, std::greater<>> CountByLevel(const Evaluation& evaluation) {
  std::map<policy::Level, std::int32_t, std::greater<>> counts;
  for (const auto& row : evaluation.rows) ++counts[row->decision.level];
  return counts;
}

std::string InWords(policy::Level level) {
  switch (level) {
    case policy::Level::kNormal:
      return "normal";
    case policy::Level::kWarning:
      return "warned of";
    case policy::Level::kDowngraded:
      return "downgraded";
    case policy::Level::kThrottled:
      return "throttled";
    case policy::Level::kRefusingWork:
      return "refusing work";
    case policy::Level::kStopped:
      return "stopped";
  }
  return "stopped";
}

// "3 of 40 stopped": of the worst state there is; "" without subjects.
std::string Summary(const Evaluation& evaluation) {
  const auto counts = CountByLevel(evaluation);
  if (counts.empty()) return "";
  const auto& [level, count] = *counts.begin();
  return std::to_string(count) + " of " + std::to_string(evaluation.rows.size()) + " " +
         InWords(level);
}

}  // namespace

std::vector<std::string> HoldsOf(const Row& row) {
  std::vector<std::string> holds;
  for (const auto& [key, latch] : row.decision.latches) holds.push_back(key);
  return holds;
}

void AddSubjects(const BudgetReport& report, api::AgentBudgetStatus& status) {
  const auto& evaluation = *report.evaluation;
  for (const Row* row : WorstFirst(evaluation, kDearestAgents)) {
    const auto& decision = row->decision;
    api::SubjectSpend subject;
    subject.name = row->subject->name;
    subject.state = std::string(policy::ToString(decision.level));
    subject.limit = ToDecimal(decision.limit, decision.unit);
    subject.spent = ToDecimal(decision.spent, decision.unit);
    subject.percent_used = decision.percent_used;
    subject.burn_per_hour = ToDecimal(decision.burn_per_hour, decision.unit);
    if (decision.projected) subject.projected = ToDecimal(*decision.projected, decision.unit);
    if (decision.exhausts_at) subject.exhausts_at = FormatUtc(*decision.exhausts_at);
    if (row->spent_at_least)
      subject.spent_at_least = ToDecimal(*row->spent_at_least, decision.unit);
    subject.holds = HoldsOf(*row);
    status.subjects.push_back(std::move(subject));
  }
  for (const auto& [level, count] : CountByLevel(evaluation))
    status.states.push_back({std::string(policy::ToString(level)), count});
  status.summary = Summary(evaluation);
}

std::string LevelMessage(const Evaluation& evaluation) {
  if (evaluation.rows.empty()) return "no pool or agent of the scope is there";
  if (evaluation.rows.size() == 1) return evaluation.rows.front()->decision.message;
  std::string message = Summary(evaluation);
  std::size_t told = 0;
  for (const Row* row : WorstFirst(evaluation, kMostTold)) {
    if (row->decision.level == policy::Level::kNormal) break;
    message += "; ";
    message += CutUtf8(row->decision.message, kLongestPart);
    ++told;
  }
  std::size_t asked = 0;
  for (const auto& row : evaluation.rows) asked += row->decision.level > policy::Level::kNormal;
  if (asked > told) message += "; and " + std::to_string(asked - told) + " more";
  return message;
}

}  // namespace purser::controllers
