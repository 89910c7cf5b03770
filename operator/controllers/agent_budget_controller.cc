#include "controllers/agent_budget_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <map>

#include "api/codec.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kHistory = 8;
// Acting comes before telling: a status waits that long for the pools that its evaluation made
// work, rather than compete with them for the API server.
constexpr std::chrono::milliseconds kTellAfter{100};

policy::SourceState ToSourceState(const ledger::SourceHealth& health) {
  policy::SourceState state;
  switch (health.state) {
    case ledger::SourceHealth::State::kNeverRead:
      state.kind = policy::SourceState::Kind::kNeverRead;
      break;
    case ledger::SourceHealth::State::kHealthy:
      state.kind = policy::SourceState::Kind::kHealthy;
      break;
    case ledger::SourceHealth::State::kLost:
      state.kind = policy::SourceState::Kind::kLost;
      break;
  }
  state.reason = health.reason;
  state.message = health.message;
  state.last_read = health.last_read;
  return state;
}

ledger::Coverage CoverageOf(const api::AgentBudget& budget, const ResolvedScope& scope,
                            const policy::Window& window) {
  return {budget.spec.source, budget.meta.ns, scope.whole_namespace,
          scope.agents,       window.start,   window.end};
}

// What the covered agents of a pool could use at most.
std::int32_t Capacity(const CoveredPool& pool) {
  std::int64_t sum = 0;
  for (const auto maximum : pool.agent_maxima) sum += maximum;
  return static_cast<std::int32_t>(std::min<std::int64_t>(pool.maximum, sum));
}

std::vector<policy::PoolShare> SharesOf(const ResolvedScope& scope,
                                        const policy::BudgetDecision& decision) {
  std::vector<policy::PoolDemand> demands;
  demands.reserve(scope.pools.size());
  std::int64_t total = 0;
  for (const auto& pool : scope.pools) {
    demands.push_back({pool.key, pool.priority, Capacity(pool), pool.agent_maxima});
    total += demands.back().maximum;
  }
  const auto maximum = static_cast<std::int32_t>(
      std::min<std::int64_t>(total, std::numeric_limits<std::int32_t>::max()));
  return policy::Share(policy::ThrottledConcurrency(maximum, decision), demands);
}

}  // namespace

AgentBudgetController::AgentBudgetController(Dependencies dependencies)
    : on_(std::move(dependencies)) {}

std::mutex& AgentBudgetController::StripeOf(const api::ObjectKey& key) {
  return stripes_[std::hash<api::ObjectKey>{}(key) % stripes_.size()];
}

ResolvedScope AgentBudgetController::Resolve(const api::AgentBudget& budget) const {
  const auto& names = budget.spec.scope.pools;
  std::vector<PoolPointer> pools;
  if (names.empty() || names.front() == "*") {
    pools = on_.caches.pools.ByIndex(kPoolsByNamespace, budget.meta.ns);
  } else {
    for (const auto& name : names) {
      if (auto pool = on_.caches.pools.Get({budget.meta.ns, name}))
        pools.push_back(std::move(pool));
    }
  }
  return ResolveScope(budget.spec.scope, pools);
}

void AgentBudgetController::Publish(const BudgetPointer& budget, Evaluation evaluation) {
  const auto before = on_.board.Get(evaluation.budget);
  const auto published = std::make_shared<const Evaluation>(std::move(evaluation));
  for (const auto& pool : on_.board.Publish(published)) on_.enqueue_pool(pool);

  const std::string level(policy::ToString(published->decision.level));
  // After a restart the last written state stands in for the evaluation that is gone.
  const std::string last =
      before ? std::string(policy::ToString(before->decision.level)) : budget->status.state;
  const bool known = before || !(last.empty() || last == "NotReady" || last == "Audit");
  if (known ? last != level : published->decision.level != policy::Level::kNormal) {
    const bool worse = published->decision.level != policy::Level::kNormal;
    on_.events.Record(ReferenceTo(*budget),
                      worse ? kube::EventType::kWarning : kube::EventType::kNormal,
                      published->decision.audit ? level + "InAudit" : level, "Evaluate",
                      published->decision.message);
    spdlog::info("budget={} level={} was={} {}", published->budget.ToString(), level, last,
                 published->decision.message);
    if (on_.on_level_change) on_.on_level_change(published->decision.level);
  }
}

void AgentBudgetController::Hold(const api::AgentBudget& budget) {
  Evaluation evaluation;
  const auto before = on_.board.Get(budget.meta.key());
  if (before) {
    evaluation = *before;
  } else {
    evaluation.budget = budget.meta.key();
    evaluation.scope = Resolve(budget);
    evaluation.decision.audit = budget.spec.mode == api::Mode::kAudit;
  }
  evaluation.generation = budget.meta.generation;
  evaluation.decision.may_relax = false;
  const auto published = std::make_shared<const Evaluation>(std::move(evaluation));
  for (const auto& pool : on_.board.Publish(published)) on_.enqueue_pool(pool);
}

std::optional<BudgetProblem> AgentBudgetController::Evaluate(const BudgetPointer& budget,
                                                             Scope scope) {
  const auto key = budget->meta.key();
  const std::lock_guard serialised(StripeOf(key));
  const auto& spec = budget->spec;
  const auto fail = [&](std::string reason, std::string message) {
    Hold(*budget);
    return BudgetProblem{std::move(reason), std::move(message)};
  };
  if (budget->invalid) return fail("InvalidSpec", *budget->invalid);
  if (!on_.sources.contains(spec.source)) {
    return fail("UnknownSource",
                "spec.source: \"" + spec.source +
                    "\" is not a source of the operator's configuration; name one of its "
                    "sources or have it added");
  }
  const auto now = on_.clock.Now();
  auto window = policy::WindowAt(now, spec.window);
  if (!window) return fail("UnknownTimeZone", "spec.window.timeZone: " + window.error().message());

  const auto before = on_.board.Get(key);
  const bool same_spec = before && before->generation == budget->meta.generation;
  // A clock that steps back must not reopen a closed window.
  std::optional<Timestamp> latest;
  if (same_spec) latest = before->decision.window.start;
  if (!before && budget->status.observed_generation == budget->meta.generation) {
    latest = ParseTime(budget->status.window_start);
  }
  if (latest && window->start < *latest) {
    const auto kept = policy::WindowAt(*latest, spec.window);
    if (kept) window = kept;
  }

  Evaluation evaluation;
  evaluation.budget = key;
  evaluation.generation = budget->meta.generation;
  evaluation.scope = scope == Scope::kReuse && same_spec ? before->scope : Resolve(*budget);
  const std::string id = key.ToString();
  if (auto tracked = on_.ledger.Track(id, CoverageOf(*budget, evaluation.scope, *window));
      !tracked) {
    return fail("StoreUnavailable", "the ledger cannot be read: " + tracked.error().message());
  }
  const auto total = on_.ledger.Read(id, now);
  if (!total)
    return fail("StoreUnavailable",
                "the ledger does not hold this budget's total; it is read again");
  const auto source = ToSourceState(on_.ledger.Health(spec.source));
  evaluation.decision = policy::Decide(
      {spec, *window, total->spent, total->last_hour, total->last_5_minutes, source, now});
  if (evaluation.decision.level == policy::Level::kThrottled) {
    evaluation.shares = SharesOf(evaluation.scope, evaluation.decision);
  }
  Publish(budget, std::move(evaluation));
  return std::nullopt;
}

void AgentBudgetController::Forget(const api::ObjectKey& key) {
  {
    const std::lock_guard serialised(StripeOf(key));
    on_.ledger.Untrack(key.ToString());
    for (const auto& pool : on_.board.Remove(key)) on_.enqueue_pool(pool);
  }
  const std::lock_guard lock(writes_mutex_);
  last_write_.erase(key);
}

void AgentBudgetController::SpendChanged(const std::vector<std::string>& ids) {
  std::map<std::string, Duration> nearest;  // by source
  for (const auto& id : ids) {
    const auto slash = id.find('/');
    const api::ObjectKey key{id.substr(0, slash), id.substr(slash + 1)};
    const auto budget = on_.caches.budgets.Get(key);
    if (!budget || Evaluate(budget, Scope::kReuse)) continue;
    const auto evaluation = on_.board.Get(key);
    if (!evaluation || !evaluation->decision.next_threshold_in) continue;
    const auto [entry, first] =
        nearest.try_emplace(budget->spec.source, *evaluation->decision.next_threshold_in);
    if (!first) entry->second = std::min(entry->second, *evaluation->decision.next_threshold_in);
  }
  for (const auto& [source, in] : nearest) on_.threshold_near(source, in);
  for (const auto& id : ids) {
    const auto slash = id.find('/');
    on_.queue.AddAfter({id.substr(0, slash), id.substr(slash + 1)}, kTellAfter);
  }
}

bool AgentBudgetController::EvaluateEdited(const BudgetPointer& before,
                                           const BudgetPointer& after) {
  const auto& was = before->spec;
  const auto& is = after->spec;
  if (after->invalid || after->meta.deleting || was.source != is.source ||
      !(was.scope == is.scope) || !(was.window == is.window)) {
    return false;
  }
  const auto key = after->meta.key();
  // Evaluated before, it is tracked, and nothing has to be loaded.
  if (!on_.board.Get(key) || Evaluate(after, Scope::kResolve)) return false;
  on_.queue.AddAfter(key, kTellAfter);
  return true;
}

std::vector<api::ClosedWindow> AgentBudgetController::HistoryOf(
    const api::AgentBudget& budget, const Evaluation& evaluation) const {
  auto history = budget.status.history;
  const auto written = ParseTime(budget.status.window_start);
  const auto& current = evaluation.decision.window;
  if (!written || budget.status.observed_generation != budget.meta.generation ||
      *written >= current.start) {
    return history;
  }
  // Every window that closed since the status was written, newest first, as far as the list
  // reaches.
  std::vector<api::ClosedWindow> closed;
  auto window = policy::WindowBefore(current, budget.spec.window);
  while (window && window->start >= *written && closed.size() < kHistory) {
    const auto spent = on_.ledger.Sum(CoverageOf(budget, evaluation.scope, *window));
    if (!spent) break;
    const auto& zone = budget.spec.window.time_zone;
    closed.push_back({policy::FormatTime(window->start, zone),
                      policy::FormatTime(window->end, zone), spent->ToDecimal()});
    window = policy::WindowBefore(*window, budget.spec.window);
  }
  history.insert(history.begin(), closed.begin(), closed.end());
  if (history.size() > kHistory) history.resize(kHistory);
  return history;
}

Status AgentBudgetController::WriteStatus(const BudgetPointer& budget,
                                          const api::AgentBudgetStatus& status) {
  const auto key = budget->meta.key();
  const auto answer = on_.client.Apply(kube::ObjectPath(BudgetType(), key, "status"),
                                       StatusDocument(*budget, status));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return Ok();
    return answer.error();
  }
  {
    const std::lock_guard lock(writes_mutex_);
    last_write_[key] = on_.clock.Now();
  }
  ObserveAnswer(on_.caches.budgets, *answer,
                [](simdjson::dom::element object) { return api::DecodeAgentBudget(object); });
  return Ok();
}

void AgentBudgetController::RecordConditionEvents(const api::AgentBudget& budget,
                                                  const api::AgentBudgetStatus& after) {
  for (const char* type : {"Ready", "ScopeResolved", "SourceHealthy"}) {
    const auto* before = FindCondition(budget.status.conditions, type);
    const auto* now = FindCondition(after.conditions, type);
    if (now == nullptr || (before != nullptr && before->status == now->status)) continue;
    const bool bad = now->status != "True";
    if (before == nullptr && !bad) continue;
    // Not read yet is how every first start begins: a condition tells it, no alarm.
    if (now->reason == "NotReadYet" || now->reason == "NoSeries" || now->reason == "ReadingHistory")
      continue;
    on_.events.Record(ReferenceTo(budget),
                      bad ? kube::EventType::kWarning : kube::EventType::kNormal, now->reason,
                      "Evaluate", now->message);
  }
}

Status AgentBudgetController::Reconcile(const api::ObjectKey& key) {
  const auto budget = on_.caches.budgets.Get(key);
  if (!budget || budget->meta.deleting) {
    Forget(key);
    return Ok();
  }
  const auto before = on_.board.Get(key);
  const auto problem = Evaluate(budget, Scope::kResolve);
  const auto evaluation = on_.board.Get(key);
  if (before && evaluation && !before->SameDemand(*evaluation)) {
    on_.queue.AddAfter(key, kTellAfter);
    return Ok();
  }
  const auto now = on_.clock.Now();
  const auto total = on_.ledger.Read(key.ToString(), now);
  const auto health = on_.ledger.Health(budget->spec.source);
  const BudgetReport report{
      *budget,
      problem,
      problem ? nullptr : evaluation.get(),
      total ? &*total : nullptr,
      health,
      problem || !evaluation ? budget->status.history : HistoryOf(*budget, *evaluation),
      now};
  const auto status = BuildBudgetStatus(report);

  std::optional<Timestamp> last_write;
  {
    const std::lock_guard lock(writes_mutex_);
    if (const auto found = last_write_.find(key); found != last_write_.end())
      last_write = found->second;
  }
  // The source is usually read within a second of the start: a status before that would be written
  // twice.
  const bool waiting = !problem && health.state == ledger::SourceHealth::State::kNeverRead &&
                       health.reason.empty() && !budget->status.state.empty();
  if (!waiting && WorthWriting(budget->status, status, last_write, now)) {
    PURSER_RETURN_IF_ERROR(WriteStatus(budget, status));
    RecordConditionEvents(*budget, status);
  } else if (!waiting && last_write && AmountsDiffer(budget->status, status)) {
    on_.queue.AddAt(key, *last_write + kAmountInterval);
  }
  if (!problem && evaluation) {
    // The earliest of the two timers wins; each reconcile sets the next.
    on_.queue.AddAt(key, evaluation->decision.window.end);
  } else if (problem && problem->reason == "StoreUnavailable") {
    return Error(ErrorCode::kUnavailable, problem->message);
  }
  return Ok();
}

}  // namespace purser::controllers
