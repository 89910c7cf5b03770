#include "controllers/agent_pool/agent_pool_controller.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/codec.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/agent_pool/saved_status.h"
#include "controllers/agent_pool/stopped_by.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"
#include "workloads/scale_actuator.h"

namespace purser::controllers {
namespace {

// In-flight work is waited for only where a limit of 0 was announced: otherwise
// nobody could have heard it.
Duration DrainOf(const api::AgentPool& pool) {
  if (pool.spec.limit_targets.empty()) return Duration::zero();
  return std::chrono::seconds(pool.spec.scaling.drain_seconds);
}

// Whatever has to be watched for the pool.
std::set<api::WorkloadRef> WatchedKindsOf(const api::AgentPool& pool,
                                          const WorkloadMemories& memories) {
  auto kinds = WorkloadScaler::KindsOf(pool, memories);
  for (auto& kind : FieldKindsOf(pool)) kinds.insert(std::move(kind));
  return kinds;
}

// The workload of an agent of the status, also of one that is no longer in the spec, which is known
// by its uid.
std::optional<api::WorkloadRef> WorkloadOf(const api::AgentPool& pool,
                                           const api::AgentPoolAgentStatus& agent,
                                           const Caches& caches) {
  if (agent.workload) return agent.workload;
  for (const auto& spec : pool.spec.agents) {
    if (spec.name == agent.name) return spec.workload_ref;
  }
  std::optional<api::WorkloadRef> found;
  if (agent.workload_uid.empty()) return found;
  for (const auto& watch : {caches.kinds.deployments(), caches.kinds.stateful_sets()}) {
    watch->informer.ForEach([&](const auto& workload) {
      if (workload->meta.uid == agent.workload_uid && workload->meta.ns == pool.meta.ns) {
        found = {watch->kind->type().ApiVersion(), watch->kind->type().kind, workload->meta.name,
                 std::nullopt};
      }
    });
  }
  return found;
}

// Whether less than all is allowed, so that something may have to be restored.
bool AsksAnything(const PoolReport& report) {
  const auto& spec = report.pool.spec;
  // A document that is valid for a while is to be made valid for ever when its pool goes.
  if (std::any_of(spec.limit_targets.begin(), spec.limit_targets.end(),
                  [](const auto& target) { return target.valid_seconds.has_value(); }))
    return true;
  for (std::size_t i = 0; i < report.agents.size(); ++i) {
    const auto& outcome = report.agents[i].outcome;
    const bool scales =
        (outcome.level == policy::Level::kStopped && spec.scaling.on_stop == api::OnStop::kZero) ||
        (outcome.level == policy::Level::kThrottled &&
         spec.scaling.on_throttle == api::OnThrottle::kProportional);
    const bool limited =
        !spec.limit_targets.empty() && outcome.concurrency < report.demand.agents[i].maximum;
    if (scales || limited) return true;
  }
  return false;
}

// Whether something is taken still, as far as is known.
bool HoldsAnything(const PoolReport& report) {
  if (report.targets.targets.size() > report.pool.spec.limit_targets.size()) return true;
  if (std::any_of(report.targets.targets.begin(), report.targets.targets.end(),
                  [](const auto& target) { return !target.set.empty(); }))
    return true;
  return std::any_of(report.agents.begin(), report.agents.end(),
                     [](const auto& agent) { return agent.saved.has_value() || agent.pending; });
}

}  // namespace

AgentPoolController::AgentPoolController(Dependencies dependencies)
    : on_(std::move(dependencies)),
      publisher_(on_.client, on_.caches.kinds, &on_.caches.limits_maps, on_.webhooks),
      scaler_({on_.caches, on_.client, on_.events, on_.clock, asks_,
               [this](const PoolPointer& pool, const std::string& agent,
                      const api::WorkloadRef& workload, const workloads::Saved& saved) {
                 return on_.reporter.Remember(pool, agent, workload, saved);
               },
               [this](const kube::ObjectKey& pool) { on_.queue.Add(pool); }}),
      after_stop_(on_.ledger) {}

AgentPoolController::Memory AgentPoolController::MemoryOf(const api::AgentPool& pool) {
  const std::lock_guard lock(memory_mutex_);
  auto& memory = memory_[pool.meta.key()];
  if (!memory) {
    memory = std::make_shared<PoolMemory>();
    const auto since = TransitionTime(pool.status.conditions, "Stopped");
    for (const auto& agent : pool.status.agents) {
      memory->agents[agent.name] = RecallAgent(agent, since, StillTaken(pool, agent.name));
      for (const auto& taken : agent.workloads) {
        auto& remembered = memory->workloads[NameOf(taken.workload)];
        remembered.reference = taken.workload;
        remembered.saved = SavedOf(pool, taken);
      }
      const auto saved = SavedOf(pool, agent);
      if (!saved || !agent.workloads.empty()) continue;
      const auto workload = WorkloadOf(pool, agent, on_.caches);
      if (!workload) continue;
      auto& remembered = memory->workloads[NameOf(*workload)];
      remembered.reference = *workload;
      remembered.saved = saved;
    }
  }
  return memory;
}

bool AgentPoolController::StillTaken(const api::AgentPool& pool, const std::string& agent) const {
  if (pool.spec.scaling.on_stop == api::OnStop::kKeep) return true;
  const auto spec = std::find_if(pool.spec.agents.begin(), pool.spec.agents.end(),
                                 [&](const auto& candidate) { return candidate.name == agent; });
  if (spec == pool.spec.agents.end()) return false;
  const auto& reference = spec->workload_ref;
  const auto sight = on_.caches.kinds.Of(reference);
  // Not seen yet: it is as the status says.
  if (!sight.watch) return true;
  const auto workload = sight.watch->informer.Get({pool.meta.ns, reference.name});
  if (!workload) return false;
  const auto status = std::find_if(pool.status.agents.begin(), pool.status.agents.end(),
                                   [&](const auto& candidate) { return candidate.name == agent; });
  const auto known = status == pool.status.agents.end() ? std::nullopt : SavedOf(pool, *status);
  const auto state = workloads::StateOf(*sight.watch->kind, *workload, known).state;
  return state.saved && state.live <= state.saved->set;
}

bool AgentPoolController::EveryBudgetEvaluated(const api::AgentPool& pool) {
  bool all = true;
  for (const auto& budget : on_.caches.BudgetsNaming(pool)) {
    if (budget->meta.deleting || !ScopeNames(budget->spec.scope, pool)) continue;
    const auto evaluation = on_.board.Get(budget->meta.key());
    if (evaluation && (evaluation->held || evaluation->Knows(pool))) {
      // Whom the selector finds may have changed since: what is asked of the others holds.
      if (!evaluation->held && !evaluation->KnowsAgents(pool))
        on_.enqueue_budget(budget->meta.key());
      continue;
    }
    on_.enqueue_budget(budget->meta.key());
    all = false;
  }
  return all;
}

Shared AgentPoolController::SharedOf(const api::AgentPool& pool) const {
  Shared shared;
  const auto add = [&](std::vector<std::string>& names, const std::string& name, const char* index,
                       const std::string& value) {
    for (const auto& other : on_.caches.OthersNaming(pool, index, value))
      names.push_back(name + " (AgentPool " + other->meta.name + ")");
  };
  for (const auto& agent : pool.spec.agents) {
    const auto add_workload = [&](const api::WorkloadRef& reference) {
      add(shared.workloads, NameOf(reference), kPoolsByWorkload,
          WorkloadIndexValue(pool.meta.ns, reference));
    };
    add_workload(agent.workload_ref);
    for (const auto& other : agent.others) add_workload(other);
    if (agent.name == api::kOtherAgents) continue;
    add(shared.agents, agent.name, kPoolsByAgent, AgentIndexValue(pool.meta.ns, agent.name));
  }
  return shared;
}

void AgentPoolController::Forget(const kube::ObjectKey& key) {
  publisher_.Forget(key);
  if (on_.on_gone) on_.on_gone(key);
  on_.reporter.Forget(key);
  asks_.Remove(key);
  after_stop_.Forget(key);
  on_.runaways.Remove(key);
  on_.still_spending.Remove(key);
  const std::lock_guard lock(memory_mutex_);
  memory_.erase(key);
}

Status AgentPoolController::Finish(const api::AgentPool& pool) {
  const auto memory = MemoryOf(pool);
  const auto kinds = WatchedKindsOf(pool, memory->workloads);
  on_.caches.kinds.Name(pool.meta.key(), kinds);
  for (const auto& kind : kinds) {
    const auto sight = on_.caches.kinds.Of(kind);
    if (!sight.watch && sight.problem.message.empty()) {
      return Error(ErrorCode::kUnavailable, "AgentPool " + pool.meta.key().ToString() +
                                                " goes when its kinds of workloads are listed");
    }
  }
  PURSER_RETURN_IF_ERROR(scaler_.RestoreOthers(pool.meta.key(), nullptr, &memory->workloads));
  const auto restored = publisher_.Restore(pool, on_.clock.Now());
  PURSER_RETURN_IF_ERROR(restored.retry);
  for (const auto& target : restored.targets) {
    // What nobody may write keeps no pool from going.
    on_.events.Record(ReferenceTo(pool), kube::EventType::kWarning, "LimitsNotRestored", "Publish",
                      target.problem + "; restore or delete it by hand");
  }
  Forget(pool.meta.key());
  return ObserveFinalizer(RemoveFinalizer(on_.client, pool));
}

Status AgentPoolController::ObserveFinalizer(const Result<std::optional<std::string>>& patched) {
  if (!patched) return patched.error();
  if (*patched) {
    ObserveAnswer(on_.caches.pools, **patched,
                  [](simdjson::dom::element object) { return api::DecodeAgentPool(object); });
  }
  return Ok();
}

Status AgentPoolController::Reconcile(const kube::ObjectKey& key) {
  const auto pool = on_.caches.Pool(key);
  // Also of a pool without a budget: what was spent in it is no other's.
  PURSER_RETURN_IF_ERROR(
      on_.ledger.SetMembers({pool ? MembersOf(*pool) : ledger::PoolMembers{key.ns, key.name, {}}}));
  if (!pool) {
    Forget(key);
    PURSER_RETURN_IF_ERROR(scaler_.RestoreOthers(key, nullptr, nullptr));
    on_.caches.kinds.Name(key, {});
    return Ok();
  }
  if (pool->meta.deleting) return Finish(*pool);
  const auto now = on_.clock.Now();
  if (pool->invalid) {
    on_.reporter.QueueStatus(pool, InvalidPoolStatus(*pool, now), *pool->invalid);
    return Ok();
  }
  const auto memory = MemoryOf(*pool);
  on_.caches.kinds.Name(key, WatchedKindsOf(*pool, memory->workloads));
  // Nobody knows yet whom it finds: it comes again when it is known.
  if (pool->found.pending) return Ok();
  // Acting on half of the budgets could restore what another one takes.
  if (!EveryBudgetEvaluated(*pool)) return Ok();

  const auto runaways = RunawaysOf(*pool, *memory);
  auto demand = CombineDemand(*pool, on_.board.Covering(key), runaways);
  WaitForAPerson(*pool, *memory, demand);
  PoolReport report{*pool, demand, now};
  report.runaways = runaways;
  report.metering = on_.meters.OfPool(key);
  std::optional<Timestamp> next;
  Limits limits = Step(*pool, *memory, report, next);
  if (on_.on_limits) on_.on_limits(limits);

  // Our hold on the pool first, that it may not go with what was taken; then
  // the gate, then the scale. None of them keeps replicas up when it fails.
  Status first = Ok();
  const bool asks = AsksAnything(report);
  if (asks) {
    KeepFirst(first, ObserveFinalizer(AddFinalizer(on_.client, *pool)));
    KeepFirst(first, on_.reporter.RememberTargets(pool));
  }
  report.targets = publisher_.Publish(
      *pool, limits,
      [&](const std::string& other, const api::LimitPlace& place) {
        return PublishesTo({key.ns, other}, place);
      },
      now);
  KeepFirst(first, report.targets.retry);
  Earliest(next, report.targets.next);
  for (std::size_t i = 0; i < report.agents.size(); ++i) {
    KeepFirst(first, scaler_.Scale(pool, pool->spec.agents[i], demand.agents[i], memory->workloads,
                                   report.agents[i], next));
  }
  KeepFirst(first, scaler_.RestoreOthers(key, &*pool, &memory->workloads));
  report.state = PoolState(report.agents, pool->spec.scaling, demand.audit_only);
  if (first.ok() && !asks && !HoldsAnything(report)) {
    // Nothing is taken any more: a pool that is deleted while we are away need
    // not wait for us.
    const auto current = on_.caches.pools.Get(key);
    KeepFirst(first, ObserveFinalizer(RemoveFinalizer(on_.client, current ? *current : *pool)));
    KeepFirst(first, TakeRestoreOff(key));
  }

  if (first.ok()) on_.caches.kinds.Name(key, WatchedKindsOf(*pool, memory->workloads));

  LookAfterStop(*pool, *memory, report, next);
  report.shared = SharedOf(*pool);
  if (const auto& selector = pool->spec.agent_selector) {
    for (const auto& kind : KindsOf(*selector))
      report.unseen_kinds.push_back(on_.caches.kinds.Of(kind).problem);
    // Of those that are gone nothing is remembered.
    std::erase_if(memory->agents, [&](const auto& one) {
      return std::none_of(pool->spec.agents.begin(), pool->spec.agents.end(),
                          [&](const auto& agent) { return agent.name == one.first; });
    });
  }
  report.stopped_by = StoppedBy(*pool, *memory);
  on_.reporter.QueueStatus(pool, BuildPoolStatus(report), PoolMessage(report));
  if (next) on_.queue.AddAt(key, *next);
  return first;
}

// A person's restoring lets go what was found, once; what is seen from then on is found again.
std::vector<Runaway> AgentPoolController::RunawaysOf(const api::AgentPool& pool,
                                                     PoolMemory& memory) {
  const bool restores = pool.meta.annotations.contains(kRestoreAnnotation);
  auto found = on_.runaways.Watch(pool);
  if (restores && !std::exchange(memory.released, true)) {
    on_.runaways.Release(pool.meta.key());
    found = on_.runaways.Watch(pool);
  }
  if (!restores) memory.released = false;
  return found;
}

void AgentPoolController::WaitForAPerson(const api::AgentPool& pool, PoolMemory& memory,
                                         PoolDemandResult& demand) {
  const bool manual = pool.spec.scaling.restore == api::RestoreBy::kManual &&
                      !pool.meta.annotations.contains(kRestoreAnnotation);
  for (auto& agent : demand.agents) {
    auto& remembered = memory.agents[agent.name];
    if (agent.level == policy::Level::kStopped) {
      remembered.waits_for_person = remembered.waits_for_person || !agent.stopped_by_person;
    } else if (manual && remembered.stopping_since && remembered.waits_for_person) {
      agent.level = policy::Level::kStopped;
      agent.concurrency = 0;
      agent.waits_for_person = true;
      demand.level = policy::Level::kStopped;
    }
  }
}

Limits AgentPoolController::Step(const api::AgentPool& pool, PoolMemory& memory, PoolReport& report,
                                 std::optional<Timestamp>& next) const {
  Limits limits;
  std::int64_t sum = 0;
  for (const auto& agent : report.demand.agents) {
    AgentReport entry;
    entry.name = agent.name;
    entry.governor = agent.governor;
    entry.waits_for_person = agent.waits_for_person;
    entry.runaway = agent.runaway;
    auto& remembered = memory.agents[agent.name];
    entry.outcome = StepAgent(remembered, agent, DrainOf(pool), report.now);
    if (!remembered.stopping_since) remembered.waits_for_person = false;
    entry.since = SinceOf(remembered);
    Earliest(next, entry.outcome.next);
    sum += entry.outcome.concurrency;
    scaler_.Look(pool, pool.spec.agents[report.agents.size()], memory.workloads, entry);
    limits.agents.push_back({agent.name, StateOf(entry, pool.spec.scaling),
                             entry.outcome.concurrency, agent.band, agent.model});
    report.agents.push_back(std::move(entry));
  }
  report.concurrency =
      static_cast<std::int32_t>(std::min<std::int64_t>(pool.spec.max_concurrency, sum));
  report.state = PoolState(report.agents, pool.spec.scaling, report.demand.audit_only);
  limits.ns = pool.meta.ns;
  limits.pool = pool.meta.name;
  limits.state = report.state;
  limits.concurrency = report.concurrency;
  limits.band = report.demand.band;
  if (const auto& governor = report.demand.governor) {
    limits.budget = governor->budget.name;
    limits.resets_at = governor->decision.resets_at;
  }
  return limits;
}

bool AgentPoolController::PublishesTo(const kube::ObjectKey& pool,
                                      const api::LimitPlace& place) const {
  const auto other = on_.caches.pools.Get(pool);
  if (!other || other->meta.deleting || other->invalid) return false;
  const auto& targets = other->spec.limit_targets;
  return std::any_of(targets.begin(), targets.end(),
                     [&](const auto& target) { return target.place() == place; });
}

std::vector<std::string> AgentPoolController::SpendChanged(const std::vector<std::string>& ids) {
  std::vector<std::string> others;
  others.reserve(ids.size());
  for (const auto& id : ids) {
    if (const auto pool = SpendAfterStop::PoolOf(id)) {
      on_.queue.Add(*pool);
    } else {
      others.push_back(id);
    }
  }
  return others;
}

void AgentPoolController::LookAfterStop(const api::AgentPool& pool, PoolMemory& memory,
                                        PoolReport& report, std::optional<Timestamp>& next) {
  std::vector<StoppedAgent> stopped;
  for (const auto& agent : report.agents) {
    auto& remembered = memory.agents[agent.name];
    auto& since = remembered.ended_since;
    if (agent.outcome.level != policy::Level::kStopped || !agent.outcome.drained ||
        !remembered.stopping_since) {
      since.reset();
      continue;
    }
    const bool ended = agent.missing || StateOf(agent, pool.spec.scaling) == "Stopped";
    // One whose time is not known was stopped before this life began.
    if (!since) {
      const auto& at = *remembered.stopping_since;
      const auto taken = at == Timestamp{} ? report.now : at + DrainOf(pool);
      since = EndOfStop(taken, ended, report.now);
      if (!since) {
        Earliest(next, taken + kGraceAfterStop);
        continue;
      }
    }
    // A person's stop asks no budget: then the spend of whichever covers the pool is looked at.
    auto governor = agent.governor;
    if (!governor) {
      const auto covering = on_.board.Covering(pool.meta.key());
      if (!covering.empty()) governor = covering.front()->Worst();
    }
    const auto budget = governor ? on_.caches.budgets.Get(governor->budget) : nullptr;
    if (!budget) continue;
    stopped.push_back({agent.name, budget->spec.source, *since, agent.workload,
                       agent.missing ? 0 : std::max<std::int64_t>(agent.running, agent.replicas),
                       pool.spec.scaling.on_stop == api::OnStop::kKeep});
  }
  report.spent_after_stop = after_stop_.Look(pool.meta.key(), stopped, report.now);
  if (!on_.still_spending.Put(pool.meta.key(), report.spent_after_stop)) return;
  for (const auto& covering : on_.board.Covering(pool.meta.key()))
    on_.enqueue_budget(covering->budget);
}

std::string AgentPoolController::StoppedBy(const api::AgentPool& pool, PoolMemory& memory) const {
  if (pool.spec.stop.reason.empty()) return "";
  if (memory.stopped_by_asked == pool.meta.generation) return memory.stopped_by;
  // Watches leave managedFields out. Who cannot be asked about is not named: the stop is no weaker.
  const auto answer = on_.client.Get(kube::ObjectPath(PoolType(), pool.meta.key()));
  if (!answer) return memory.stopped_by;
  const auto who = WhoStopped(*answer);
  if (!who) return memory.stopped_by;
  memory.stopped_by = *who;
  memory.stopped_by_asked = pool.meta.generation;
  return memory.stopped_by;
}

Status AgentPoolController::TakeRestoreOff(const kube::ObjectKey& key) {
  const auto pool = on_.caches.pools.Get(key);
  if (!pool || !pool->meta.annotations.contains(kRestoreAnnotation)) return Ok();
  return ObserveFinalizer(RemoveRestoreAnnotation(on_.client, *pool));
}

}  // namespace purser::controllers
