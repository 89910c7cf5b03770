#include "controllers/agent_budget/budget_reporter.h"

#include <algorithm>
#include <utility>

#include "api/codec.h"
#include "api/text_form.h"
#include "base/join.h"
#include "base/time_text.h"
#include "controllers/agent_budget/subject.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"
#include "policy/measure.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kHistory = 8;
constexpr std::size_t kMostDoubtsTold = 5;

bool Burns(const api::AgentBudgetStatus& status) {
  return !status.burn_per_hour.empty() && status.burn_per_hour != "0";
}

}  // namespace

BudgetReporter::BudgetReporter(Dependencies dependencies)
    : on_(std::move(dependencies)), started_(on_.clock.Now()) {}

void BudgetReporter::Consider(const BudgetPointer& budget,
                              const std::optional<BudgetProblem>& problem) {
  const auto key = budget->meta.key();
  Memory memory;
  {
    const std::lock_guard lock(mutex_);
    auto& known = memory_[key];
    known.problem = problem;
    memory = known;
  }
  if (WaitsForFirstRead(*budget, memory)) return;
  const auto now = on_.clock.Now();
  const auto status = StatusOf(*budget, memory, History::kAsWritten, now);
  if (WorthWriting(budget->status, status, memory.last_write, now)) {
    // A state waits behind no amounts.
    const auto priority =
        budget->status.state == status.state ? kube::Priority::kLow : kube::Priority::kHigh;
    if (budget->status.state.empty()) {
      on_.queue.Add(key, priority);
    } else {
      on_.queue.AddAfter(key, kReportAfter, priority);
    }
  } else if (memory.last_write && AmountsDiffer(budget->status, status)) {
    on_.evaluation_queue.AddAt(key, *memory.last_write + kAmountInterval);
  } else if (Burns(status)) {
    on_.evaluation_queue.AddAt(key, now + kAmountInterval);
  }
}

void BudgetReporter::Expect(const kube::ObjectKey& key) {
  {
    const std::lock_guard lock(mutex_);
    memory_[key].problem.reset();
  }
  on_.queue.AddAfter(key, kReportAfter);
}

Status BudgetReporter::Report(const kube::ObjectKey& key) {
  const auto budget = on_.caches.budgets.Get(key);
  if (!budget || budget->meta.deleting) return Ok();
  Memory memory;
  {
    const std::lock_guard lock(mutex_);
    memory = memory_[key];
  }
  const auto now = on_.clock.Now();
  const auto status = StatusOf(*budget, memory, History::kWithClosedWindows, now);
  if (!WorthWriting(budget->status, status, memory.last_write, now)) return Ok();
  const auto answer = on_.client.Apply(kube::ObjectPath(BudgetType(), key, "status"),
                                       StatusDocument(*budget, status));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return Ok();
    return answer.error();
  }
  {
    const std::lock_guard lock(mutex_);
    memory_[key].last_write = now;
  }
  ObserveAnswer(on_.caches.budgets, *answer,
                [](simdjson::dom::element object) { return api::DecodeAgentBudget(object); });
  RecordEvents(*budget, status);
  if (const auto evaluation = on_.board.Get(key)) RecordJournal(*budget, *evaluation);
  if (Burns(status)) on_.evaluation_queue.AddAt(key, now + kAmountInterval);
  return Ok();
}

void BudgetReporter::Forget(const kube::ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  memory_.erase(key);
}

// The source is usually read within a second of the start: a status before that would be written
// twice.
bool BudgetReporter::WaitsForFirstRead(const api::AgentBudget& budget, const Memory& memory) const {
  if (memory.problem || budget.status.state.empty()) return false;
  const auto health = on_.ledger.Health(budget.spec.source);
  return health.state == ledger::SourceHealth::State::kNeverRead && health.reason.empty();
}

api::AgentBudgetStatus BudgetReporter::StatusOf(const api::AgentBudget& budget,
                                                const Memory& memory, History history,
                                                Timestamp now) const {
  const auto key = budget.meta.key();
  const auto evaluation = on_.board.Get(key);
  const auto agents = on_.ledger.Agents(RowId(key, ""), kDearestAgents);
  const auto health = on_.ledger.Health(budget.spec.source);
  std::vector<ledger::JournalEntry> doubts;
  if (evaluation && DoubtOf(*evaluation).doubts > 0) {
    doubts = on_.ledger.Doubts(CoverageOf(budget, WholeOf(*evaluation->scope), evaluation->window),
                               kMostDoubtsTold);
  }
  const bool with_closed = evaluation && !memory.problem && history == History::kWithClosedWindows;
  const BudgetReport report{budget,
                            memory.problem,
                            evaluation.get(),
                            agents,
                            health,
                            with_closed ? HistoryOf(budget, *evaluation) : budget.status.history,
                            now,
                            doubts,
                            on_.ledger_id,
                            &on_.still_spending,
                            with_closed ? BurnersOf(budget, *evaluation, now) : ""};
  return BuildBudgetStatus(report);
}

std::string BudgetReporter::BurnersOf(const api::AgentBudget& budget, const Evaluation& evaluation,
                                      Timestamp now) const {
  constexpr std::size_t kMostNamed = 3;
  Duration within{};
  for (const auto& row : evaluation.rows) {
    for (const auto& burning : row->decision.burning) within = std::max(within, burning.time);
  }
  if (within == Duration::zero()) return "";
  auto agents = on_.ledger.SumByAgent(CoverageOf(budget, WholeOf(*evaluation.scope),
                                                 {now - within, now + std::chrono::minutes(1)}));
  if (!agents) return "";  // told with the next status
  const auto spent = [&](const ledger::AgentSpend& one) {
    return policy::MeasureOf(one.spent, budget.spec);
  };
  std::stable_sort(agents->begin(), agents->end(),
                   [&](const auto& a, const auto& b) { return spent(a) > spent(b); });
  std::vector<std::string> named;
  for (const auto& one : *agents) {
    if (named.size() == kMostNamed) break;
    named.push_back(one.agent + " (" + ToText(spent(one), budget.spec.unit) + " within " +
                    api::DurationText(within) + ")");
  }
  return Join(named);
}

std::vector<api::ClosedWindow> BudgetReporter::HistoryOf(const api::AgentBudget& budget,
                                                         const Evaluation& evaluation) const {
  auto history = budget.status.history;
  const auto written = ParseRfc3339(budget.status.window_start);
  const auto& current = evaluation.window;
  // A window that never ends closes none.
  if (budget.spec.window.type != api::WindowType::kCalendar) return history;
  if (!written || budget.status.observed_generation != budget.meta.generation ||
      *written >= current.start) {
    return history;
  }
  // Every window that closed since the status was written, newest first, as far as the list
  // reaches.
  std::vector<api::ClosedWindow> closed;
  auto window = policy::WindowBefore(current, budget.spec.window);
  while (window && window->start >= *written && closed.size() < kHistory) {
    const auto spent = on_.ledger.Sum(CoverageOf(budget, WholeOf(*evaluation.scope), *window));
    if (!spent) break;
    const auto& zone = budget.spec.window.time_zone;
    closed.push_back({policy::FormatTime(window->start, zone),
                      policy::FormatTime(window->end, zone),
                      ToDecimal(policy::MeasureOf(*spent, budget.spec), budget.spec.unit)});
    window = policy::WindowBefore(*window, budget.spec.window);
  }
  history.insert(history.begin(), closed.begin(), closed.end());
  if (history.size() > kHistory) history.resize(kHistory);
  return history;
}

}  // namespace purser::controllers
