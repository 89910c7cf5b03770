#include "controllers/agent_budget/agent_budget_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/time_text.h"
#include "controllers/agent_budget/coverage.h"
#include "controllers/agent_budget/witness.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

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
  state.doubtful = health.doubtful;
  state.lost_since = health.lost_since;
  state.reason = health.reason;
  state.message = health.message;
  state.last_read = health.last_read;
  return state;
}

// A clock that was set back by more was wrong before.
constexpr Duration kLongestStepBack = std::chrono::minutes(15);

// After a restart: what onSourceLoss took stays taken until spend is read again.
std::optional<policy::Sight> Recall(const api::AgentBudget& budget, const policy::Window& window) {
  const auto& status = budget.status;
  const auto* source = FindCondition(status.conditions, "SourceHealthy");
  if (source == nullptr || source->status == "True" ||
      status.observed_generation != budget.meta.generation ||
      ParseRfc3339(status.window_start) != window.start) {
    return std::nullopt;
  }
  policy::Sight sight;
  sight.may_relax = false;
  for (const auto level : {policy::Level::kThrottled, policy::Level::kStopped}) {
    if (status.state == policy::ToString(level)) sight.level = level;
  }
  return sight;
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

std::mutex& AgentBudgetController::StripeOf(const kube::ObjectKey& key) {
  return stripes_[std::hash<kube::ObjectKey>{}(key) % stripes_.size()];
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

void AgentBudgetController::LookAtMeters(const api::AgentBudget& budget,
                                         const ledger::SourceHealth& health,
                                         const Evaluation* before, Evaluation& evaluation,
                                         Timestamp now) const {
  const auto& spec = budget.spec;
  std::map<std::string, policy::AgentTrouble> troubles;
  std::set<std::string> metered;
  bool looked = false;
  bool expected = false;
  for (const auto& pool : evaluation.scope.pools) {
    const auto metering = on_.meters.Of(pool.key, spec.source);
    if (!metering) continue;
    looked = true;
    expected = expected || metering->samples_expected;
    metered.insert(metering->metered.begin(), metering->metered.end());
    for (const auto& issue : metering->issues) {
      const auto& covered = pool.agents;
      const bool concerns = issue.agent.empty() ? evaluation.scope.whole_namespace
                                                : std::find(covered.begin(), covered.end(),
                                                            issue.agent) != covered.end();
      if (!concerns) continue;
      const auto& known = evaluation.issues;
      if (std::find(known.begin(), known.end(), issue) == known.end())
        evaluation.issues.push_back(issue);
      if (issue.agent.empty()) continue;
      auto& trouble = troubles[issue.agent];
      trouble.lost = trouble.lost || issue.lost;
      trouble.unpriced = trouble.unpriced || issue.reason == kUnpriced;
      if (issue.since) trouble.since = std::min(trouble.since.value_or(*issue.since), *issue.since);
    }
  }
  const auto source = ToSourceState(health);
  std::optional<policy::Sight> last;
  if (before == nullptr) {
    last = Recall(budget, evaluation.decision.window);
  } else if (before->generation == evaluation.generation &&
             before->decision.window == evaluation.decision.window) {
    last = before->sight;
  }
  evaluation.sight = policy::Look(
      {spec, source, troubles, metered, expected || !looked, last ? &*last : nullptr, now});
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
  // One that could never be evaluated has taken nothing: it must not keep what others took.
  const bool may_have_taken = before ? before->window_spec || !before->decision.may_relax
                                     : !budget.status.window_start.empty();
  if (before) {
    evaluation = *before;
  } else {
    evaluation.budget = budget.meta.key();
    evaluation.scope = Resolve(budget);
  }
  // Audit is the way out of being held; of an invalid spec nothing is known.
  if (!budget.invalid) evaluation.decision.audit = budget.spec.mode == api::Mode::kAudit;
  evaluation.held = true;
  evaluation.generation = budget.meta.generation;
  evaluation.decision.may_relax = !may_have_taken;
  const auto published = std::make_shared<const Evaluation>(std::move(evaluation));
  for (const auto& pool : on_.board.Publish(published)) on_.enqueue_pool(pool);
}

std::optional<BudgetProblem> AgentBudgetController::Evaluate(const kube::ObjectKey& key,
                                                             Scope scope) {
  const std::lock_guard serialised(StripeOf(key));
  // Read under the lock: what the caller saw may be older than what was published meanwhile.
  const auto budget = on_.caches.budgets.Get(key);
  if (!budget || budget->meta.deleting) return std::nullopt;
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
  // A clock that steps back must not reopen a closed window; one that was far ahead must not leave
  // today without a limit.
  std::optional<Timestamp> latest;
  if (before && before->window_spec == spec.window) latest = before->decision.window.start;
  if (!before && budget->status.observed_generation == budget->meta.generation) {
    latest = ParseRfc3339(budget->status.window_start);
  }
  if (latest && window->start < *latest && *latest - now <= kLongestStepBack) {
    const auto kept = policy::WindowAt(*latest, spec.window);
    if (kept) window = kept;
  }

  Evaluation evaluation;
  evaluation.budget = key;
  evaluation.generation = budget->meta.generation;
  evaluation.window_spec = spec.window;
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
  const auto health = on_.ledger.Health(spec.source);
  const auto source = ToSourceState(health);
  evaluation.decision.window = *window;
  LookAtMeters(*budget, health, before.get(), evaluation, now);
  evaluation.spent_at_least = SpentAtLeast(*budget, *window, on_.ledger_id, health.epoch);
  evaluation.doubts = total->doubts;
  evaluation.counted =
      policy::Count(spec, total->spent.cost, total->in_doubt.cost, evaluation.spent_at_least);
  evaluation.decision =
      policy::Decide({spec, *window, evaluation.counted.spent, total->last_hour.cost,
                      total->last_5_minutes.cost, source, evaluation.sight, now});
  const auto& soon = evaluation.decision.next_threshold_in;
  nearest_.Set(key, spec.source, soon ? std::optional(now + *soon) : std::nullopt);
  if (evaluation.sight.next) on_.queue.AddAt(key, *evaluation.sight.next);
  if (evaluation.decision.level == policy::Level::kThrottled) {
    evaluation.shares = SharesOf(evaluation.scope, evaluation.decision);
  }
  Publish(budget, std::move(evaluation));
  return std::nullopt;
}

void AgentBudgetController::Forget(const kube::ObjectKey& key) {
  {
    const std::lock_guard serialised(StripeOf(key));
    on_.ledger.Untrack(key.ToString());
    nearest_.Remove(key);
    for (const auto& pool : on_.board.Remove(key)) on_.enqueue_pool(pool);
  }
  on_.reporter.Forget(key);
}

void AgentBudgetController::SpendChanged(const std::vector<std::string>& ids) {
  std::set<std::string> sources;
  std::vector<BudgetPointer> evaluated;
  evaluated.reserve(ids.size());
  for (const auto& id : ids) {
    if (id.starts_with(kUnclaimedTotal)) continue;
    const auto slash = id.find('/');
    const kube::ObjectKey key{id.substr(0, slash), id.substr(slash + 1)};
    auto budget = on_.caches.budgets.Get(key);
    if (!budget || Evaluate(key, Scope::kReuse)) {
      on_.queue.Add(key);
      continue;
    }
    sources.insert(budget->spec.source);
    evaluated.push_back(std::move(budget));
  }
  for (const auto& source : sources) {
    if (const auto in = nearest_.NearestOf(source, on_.clock.Now()))
      on_.threshold_near(source, *in);
  }
  // Telling comes after every budget has been acted on.
  for (const auto& budget : evaluated) on_.reporter.Consider(budget, std::nullopt);
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
  if (!on_.board.Get(key) || Evaluate(key, Scope::kResolve)) return false;
  on_.reporter.Expect(key);
  return true;
}

Status AgentBudgetController::Reconcile(const kube::ObjectKey& key) {
  const auto budget = on_.caches.budgets.Get(key);
  if (!budget || budget->meta.deleting) {
    Forget(key);
    return Ok();
  }
  const auto problem = Evaluate(key, Scope::kResolve);
  on_.reporter.Consider(budget, problem);
  if (problem) {
    if (problem->reason == "StoreUnavailable")
      return Error(ErrorCode::kUnavailable, problem->message);
    return Ok();
  }
  if (const auto evaluation = on_.board.Get(key)) {
    on_.queue.AddAt(key, evaluation->decision.window.end);
  }
  return Ok();
}

}  // namespace purser::controllers
