#include "controllers/agent_budget/agent_budget_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "base/time_text.h"
#include "controllers/agent_budget/recall.h"
#include "controllers/agent_budget/rows.h"
#include "controllers/agent_budget_override/grant.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

// A clock that was set back by more was wrong before.
constexpr Duration kLongestStepBack = std::chrono::minutes(15);

// Whom a pool's selector finds is not known yet: neither decided nor told.
constexpr const char* kAgentsPending = "AgentsPending";

// What the status says of a row; "": nothing is known.
std::string WrittenState(const api::AgentBudgetStatus& status, const Row& row) {
  const auto& name = row.subject->name;
  if (name.empty()) return status.subjects.empty() ? status.state : "";
  for (const auto& subject : status.subjects) {
    if (subject.name == name) return subject.state;
  }
  // Of the others it is only known that they were no worse than the last that is named.
  const std::string level(policy::ToString(row.decision.level));
  const bool may_be = std::any_of(status.states.begin(), status.states.end(),
                                  [&](const auto& one) { return one.state == level; });
  return may_be ? level : "";
}

}  // namespace

AgentBudgetController::AgentBudgetController(Dependencies dependencies)
    : on_(std::move(dependencies)), held_(on_.ledger), rows_(on_.ledger, on_.ledger_id, held_) {}

std::mutex& AgentBudgetController::StripeOf(const kube::ObjectKey& key) {
  return stripes_[std::hash<kube::ObjectKey>{}(key) % stripes_.size()];
}

Result<ResolvedScope> AgentBudgetController::Resolve(const api::AgentBudget& budget) const {
  const auto& ns = budget.meta.ns;
  const auto& names = budget.spec.scope.pools;
  std::vector<PoolPointer> pools;
  std::vector<ledger::PoolMembers> members;
  if (names.empty() || names.front() == "*") {
    pools = on_.caches.PoolsIn(ns);
  } else {
    for (const auto& name : names) {
      auto pool = on_.caches.Pool({ns, name});
      if (!pool) members.push_back({ns, name, {}});
      if (pool) pools.push_back(std::move(pool));
    }
  }
  if (!NeedsMembers(budget.spec.scope)) return ResolveScope(budget.spec.scope, pools);
  for (const auto& pool : pools) members.push_back(MembersOf(*pool));
  PURSER_RETURN_IF_ERROR(on_.ledger.SetMembers(members));
  std::vector<ledger::Membership> known;
  for (const auto& pool : members) {
    auto own = on_.ledger.Members(ns, pool.pool);
    known.insert(known.end(), own.begin(), own.end());
  }
  return ResolveScope(budget.spec.scope, pools, known);
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
  for (const auto& pool : evaluation.scope->pools) {
    const auto metering = on_.meters.Of(pool.key, spec.source);
    if (!metering) continue;
    looked = true;
    expected = expected || metering->samples_expected;
    metered.insert(metering->metered.begin(), metering->metered.end());
    for (const auto& issue : metering->issues) {
      const auto& covered = pool.agents;
      const bool concerns = issue.agent.empty() ? evaluation.scope->whole_namespace
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
    std::vector<PoolPointer> pools;
    for (const auto& covered : evaluation.scope->pools) {
      if (auto pool = on_.caches.Pool(covered.key)) pools.push_back(std::move(pool));
    }
    last = Recall(budget, evaluation.window, pools);
  } else if (before->generation == evaluation.generation &&
             (before->window == evaluation.window ||
              budget.spec.window.type == api::WindowType::kRolling)) {
    last = before->sight;
  }
  evaluation.sight = policy::Look(
      {spec, source, troubles, metered, expected || !looked, last ? &*last : nullptr, now});
}

void AgentBudgetController::Publish(const BudgetPointer& budget, Evaluation evaluation) {
  auto before = on_.board.Get(evaluation.budget);
  if (before && !before->window_spec) before = nullptr;  // it has decided nothing
  const auto published = std::make_shared<const Evaluation>(std::move(evaluation));
  for (const auto& pool : on_.board.Publish(published)) on_.enqueue_pool(pool);
  for (const auto& row : published->rows) {
    const auto last = before ? before->RowOf(row->subject->name) : nullptr;
    if (last != row) TellLevel(*budget, last.get(), *row);
  }
}

void AgentBudgetController::TellLevel(const api::AgentBudget& budget, const Row* before,
                                      const Row& row) const {
  const auto& decision = row.decision;
  const std::string level(policy::ToString(decision.level));
  // After a restart the last written state stands in for the evaluation that is gone.
  const std::string last = before != nullptr ? std::string(policy::ToString(before->decision.level))
                                             : WrittenState(budget.status, row);
  const bool known = before != nullptr || !(last.empty() || last == "NotReady" || last == "Audit");
  const bool normal = decision.level == policy::Level::kNormal;
  if (known ? last == level : normal) return;
  on_.events.Record(ReferenceTo(budget),
                    normal ? kube::EventType::kNormal : kube::EventType::kWarning,
                    decision.audit ? level + "InAudit" : level, "Evaluate", decision.message);
  spdlog::info("budget={} level={} was={} {}", row.budget.ToString(), level, last,
               decision.message);
  if (on_.on_level_change) on_.on_level_change(decision.level);
}

policy::StopDelay AgentBudgetController::DelayOf(const api::AgentBudget& budget,
                                                 const ResolvedScope& scope) const {
  policy::StopDelay delay;
  if (const auto seen = on_.seen_after.find(budget.spec.source); seen != on_.seen_after.end())
    delay.seen = seen->second;
  for (const auto& covered : scope.pools) {
    const auto pool = on_.caches.pools.Get(covered.key);
    if (!pool) continue;
    if (!pool->spec.limit_targets.empty()) {
      delay.drain =
          std::max<Duration>(delay.drain, std::chrono::seconds(pool->spec.scaling.drain_seconds));
    }
    for (const auto& agent : pool->spec.agents) {
      const auto& ref = agent.workload_ref;
      const auto sight = on_.caches.kinds.Of(ref);
      const auto workload =
          sight.watch ? sight.watch->informer.Get({covered.key.ns, ref.name}) : nullptr;
      const auto grace = workload ? workload->grace_seconds : workloads::Workload().grace_seconds;
      delay.grace = std::max<Duration>(delay.grace, std::chrono::seconds(grace));
    }
  }
  return delay;
}

void AgentBudgetController::Hold(const api::AgentBudget& budget) {
  Evaluation evaluation;
  const auto before = on_.board.Get(budget.meta.key());
  // One that could never be evaluated has taken nothing: it must not keep what others took.
  const bool may_have_taken =
      before ? before->window_spec || !before->may_relax : !budget.status.window_start.empty();
  if (before) {
    evaluation = *before;
  } else {
    evaluation.budget = budget.meta.key();
    if (auto resolved = Resolve(budget))
      evaluation.scope = std::make_shared<const ResolvedScope>(std::move(*resolved));
    for (const auto& subject : SubjectsOf(budget.spec.scope, *evaluation.scope, {}))
      evaluation.rows.push_back(HeldRow(evaluation.budget, subject, !may_have_taken));
  }
  // Audit is the way out of being held; of an invalid spec nothing is known.
  if (!budget.invalid) evaluation.audit = budget.spec.mode == api::Mode::kAudit;
  evaluation.held = true;
  evaluation.generation = budget.meta.generation;
  evaluation.may_relax = !may_have_taken;
  const auto published = std::make_shared<const Evaluation>(std::move(evaluation));
  for (const auto& pool : on_.board.Publish(published)) on_.enqueue_pool(pool);
}

policy::Window AgentBudgetController::WindowOf(const api::AgentBudget& budget,
                                               const Evaluation* before, policy::Window window,
                                               Timestamp now) {
  if (budget.spec.window.type != api::WindowType::kCalendar) return window;
  // A clock that steps back must not reopen a closed window; one that was far ahead must not leave
  // today without a limit.
  std::optional<Timestamp> latest;
  if (before != nullptr && before->window_spec == budget.spec.window) latest = before->window.start;
  if (before == nullptr && budget.status.observed_generation == budget.meta.generation)
    latest = ParseRfc3339(budget.status.window_start);
  if (!latest || window.start >= *latest || *latest - now > kLongestStepBack) return window;
  const auto kept = policy::WindowAt(*latest, budget.spec.window);
  return kept ? *kept : window;
}

std::optional<BudgetProblem> AgentBudgetController::Evaluate(
    const kube::ObjectKey& key, const std::vector<std::string>* subjects) {
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
  const auto window = policy::WindowAt(now, spec.window, budget->created.value_or(Timestamp()));
  if (!window) return fail("UnknownTimeZone", "spec.window.timeZone: " + window.error().message());

  const auto before = on_.board.Get(key);
  // One that was held from the start has decided nothing: what a restart recalls is still to be.
  const auto* decided = before && before->window_spec ? before.get() : nullptr;
  Evaluation evaluation;
  evaluation.budget = key;
  evaluation.generation = budget->meta.generation;
  evaluation.window_spec = spec.window;
  evaluation.window = WindowOf(*budget, decided, *window, now);
  const bool same_spec = before && before->generation == budget->meta.generation;
  // Only what was spent may have changed: all else is as it was.
  const bool reuse =
      subjects != nullptr && same_spec && !before->held && before->window == evaluation.window;
  const auto health = on_.ledger.Health(spec.source);
  std::vector<SubjectPointer> of;
  if (before) {
    of.reserve(before->rows.size());
    for (const auto& row : before->rows) of.push_back(row->subject);
  }
  if (reuse) {
    evaluation.scope = before->scope;
    evaluation.sight = before->sight;
    evaluation.issues = before->issues;
    evaluation.delay = before->delay;
  } else {
    auto resolved = Resolve(*budget);
    if (!resolved)
      return fail("StoreUnavailable", "the ledger cannot be read: " + resolved.error().message());
    evaluation.scope = std::make_shared<const ResolvedScope>(std::move(*resolved));
    // Less than all of them would have spent less. It comes again when they are known.
    if (evaluation.scope->pending) return BudgetProblem{kAgentsPending, ""};
    of = SubjectsOf(spec.scope, *evaluation.scope, of);
    evaluation.delay = DelayOf(*budget, *evaluation.scope);
    LookAtMeters(*budget, health, decided, evaluation, now);
  }
  evaluation.audit = spec.mode == api::Mode::kAudit;
  evaluation.may_relax = evaluation.sight.may_relax && !evaluation.scope->partial;
  const auto overrides = on_.caches.overrides.ByIndex(kOverridesByBudget, key.ToString());
  const auto grants = GrantsOf(overrides, *budget, now);
  const auto requests = RequestsOf(overrides, *budget, now);
  evaluation.overrides_told = OverridesTold(overrides, *budget, now, kDearestAgents);
  for (const auto& grant : grants) {
    evaluation.overrides.push_back(grant.text);
    if (grant.until) on_.queue.AddAt(key, *grant.until);
  }
  std::optional<Timestamp> soon;
  evaluation.rows.reserve(of.size());
  for (std::size_t i = 0; i < of.size(); ++i) {
    const auto& name = of[i]->name;
    RowPointer row;
    if (reuse && std::find(subjects->begin(), subjects->end(), name) == subjects->end()) {
      row = before->rows[i];
    } else {
      auto made = rows_.Of({*budget, evaluation, decided, health, grants, requests, now}, of[i]);
      if (!made) return fail("StoreUnavailable", made.error().message());
      row = std::move(*made);
    }
    if (const auto& at = row->decision.next; at && row != (reuse ? before->rows[i] : nullptr))
      on_.queue.AddAt(key, *at);
    if (const auto& at = row->next_threshold; at && (!soon || *at < *soon)) soon = at;
    evaluation.rows.push_back(std::move(row));
  }
  nearest_.Set(key, spec.source, soon);
  if (evaluation.sight.next) on_.queue.AddAt(key, *evaluation.sight.next);
  if (before && !reuse) {
    for (const auto& row : before->rows) {
      if (evaluation.RowOf(row->subject->name)) continue;
      const auto id = RowId(key, row->subject->name);
      on_.ledger.Untrack(id);
      held_.Gone(id, *row);
    }
  }
  Publish(budget, std::move(evaluation));
  return std::nullopt;
}

void AgentBudgetController::Forget(const kube::ObjectKey& key) {
  {
    const std::lock_guard serialised(StripeOf(key));
    if (const auto evaluation = on_.board.Get(key)) {
      for (const auto& row : evaluation->rows) {
        const auto id = RowId(key, row->subject->name);
        on_.ledger.Untrack(id);
        held_.Gone(id, *row);
      }
    }
    nearest_.Remove(key);
    for (const auto& pool : on_.board.Remove(key)) on_.enqueue_pool(pool);
  }
  held_.Write();
  on_.reporter.Forget(key);
}

void AgentBudgetController::SpendChanged(const std::vector<std::string>& ids) {
  std::map<kube::ObjectKey, std::vector<std::string>> changed;
  for (const auto& id : ids) {
    if (id.starts_with(kUnclaimedTotal)) continue;
    auto [key, subject] = ParseRowId(id);
    changed[std::move(key)].push_back(std::move(subject));
  }
  std::set<std::string> sources;
  std::vector<BudgetPointer> evaluated;
  evaluated.reserve(changed.size());
  for (const auto& [key, subjects] : changed) {
    auto budget = on_.caches.budgets.Get(key);
    if (!budget || Evaluate(key, &subjects)) {
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
  // Telling, and writing down, comes after every budget has been acted on.
  held_.Write();
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
  if (!on_.board.Get(key) || Evaluate(key, nullptr)) return false;
  on_.reporter.Expect(key);
  return true;
}

Status AgentBudgetController::Reconcile(const kube::ObjectKey& key) {
  const auto budget = on_.caches.budgets.Get(key);
  if (!budget || budget->meta.deleting) {
    Forget(key);
    return Ok();
  }
  const auto problem = Evaluate(key, nullptr);
  held_.Write();
  if (problem && problem->reason == kAgentsPending) return Ok();
  on_.reporter.Consider(budget, problem);
  if (problem) {
    if (problem->reason == "StoreUnavailable")
      return Error(ErrorCode::kUnavailable, problem->message);
    return Ok();
  }
  if (const auto evaluation = on_.board.Get(key)) {
    if (evaluation->window.end < policy::kNever) on_.queue.AddAt(key, evaluation->window.end);
  }
  return Ok();
}

}  // namespace purser::controllers
