#include "controllers/agent_pool/agent_pool_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <tuple>

#include "api/codec.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"
#include "workloads/kinds.h"

namespace purser::controllers {
namespace {

void Earliest(std::optional<Timestamp>& next, std::optional<Timestamp> candidate) {
  if (candidate && (!next || *candidate < *next)) next = candidate;
}

// In-flight work is waited for only where a limit of 0 was announced: otherwise nobody could have
// heard it.
Duration DrainOf(const api::AgentPool& pool) {
  if (pool.spec.limit_targets.empty()) return Duration::zero();
  return std::chrono::seconds(pool.spec.scaling.drain_seconds);
}

}  // namespace

AgentPoolController::AgentPoolController(Dependencies dependencies)
    : on_(std::move(dependencies)), publisher_(on_.client) {}

AgentPoolController::Memory AgentPoolController::MemoryOf(const api::AgentPool& pool) {
  const std::lock_guard lock(memory_mutex_);
  auto& memory = memory_[pool.meta.key()];
  if (!memory) {
    memory = std::make_shared<PoolMemory>();
    const auto since = TransitionTime(pool.status.conditions, "Stopped");
    for (const auto& agent : pool.status.agents)
      memory->agents[agent.name] = RecallAgent(agent, since, StillTaken(pool, agent.name));
  }
  return memory;
}

bool AgentPoolController::StillTaken(const api::AgentPool& pool, const std::string& agent) const {
  if (pool.spec.scaling.on_stop == api::OnStop::kKeep) return true;
  const auto spec = std::find_if(pool.spec.agents.begin(), pool.spec.agents.end(),
                                 [&](const auto& candidate) { return candidate.name == agent; });
  if (spec == pool.spec.agents.end()) return false;
  const auto& reference = spec->workload_ref;
  const auto workload = on_.caches.Workloads(reference.kind).Get({pool.meta.ns, reference.name});
  if (!workload) return false;
  const auto state = workloads::StateOf(*workload);
  return !state || (state->saved && state->saved->pool == pool.meta.name);
}

bool AgentPoolController::EveryBudgetEvaluated(const api::AgentPool& pool) {
  bool all = true;
  for (const auto& budget : on_.caches.BudgetsNaming(pool)) {
    if (budget->meta.deleting || !ScopeNames(budget->spec.scope, pool)) continue;
    const auto evaluation = on_.board.Get(budget->meta.key());
    if (evaluation && (evaluation->held || evaluation->Knows(pool))) continue;
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
    const auto& [kind, name] = std::tie(agent.workload_ref.kind, agent.workload_ref.name);
    add(shared.workloads, kind + " " + name, kPoolsByWorkload,
        WorkloadIndexValue(pool.meta.ns, kind, name));
    add(shared.agents, agent.name, kPoolsByAgent, AgentIndexValue(pool.meta.ns, agent.name));
  }
  return shared;
}

Status AgentPoolController::Release(const kube::ObjectKey& pool,
                                    const std::vector<std::string>& except_workloads) {
  Status first = Ok();
  for (const char* kind : {"Deployment", "StatefulSet"}) {
    auto& informer = on_.caches.Workloads(kind);
    const auto& type = *workloads::WorkloadType(kind);
    for (const auto& workload : informer.ByIndex(kWorkloadsByPool, pool.ToString())) {
      const auto value = WorkloadIndexValue(workload->meta.ns, kind, workload->meta.name);
      if (std::find(except_workloads.begin(), except_workloads.end(), value) !=
          except_workloads.end())
        continue;
      const auto restored = RestoreWorkload(on_.client, type, *workload);
      if (!restored) {
        KeepFirst(first, restored.error());
        continue;
      }
      if (!*restored) continue;
      informer.Observe((*restored)->workload);
      on_.events.Record(ReferenceTo(type, workload->meta), kube::EventType::kNormal, "Restored",
                        "Scale", (*restored)->explanation);
      spdlog::info("pool={} workload={} released {}", pool.ToString(), value,
                   (*restored)->explanation);
    }
  }
  return first;
}

void AgentPoolController::Forget(const kube::ObjectKey& key) {
  publisher_.Forget(key);
  on_.reporter.Forget(key);
  const std::lock_guard lock(memory_mutex_);
  memory_.erase(key);
}

Status AgentPoolController::Finish(const api::AgentPool& pool) {
  PURSER_RETURN_IF_ERROR(Release(pool.meta.key(), {}));
  PURSER_RETURN_IF_ERROR(publisher_.Open(pool));
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

Status AgentPoolController::Scale(const api::AgentPool& pool, const api::AgentSpec& agent,
                                  const AgentDemand& demand, PoolMemory& memory,
                                  AgentReport& report, std::vector<std::string>& contended,
                                  std::optional<Timestamp>& next) {
  const auto& reference = agent.workload_ref;
  const auto* type = workloads::WorkloadType(reference.kind);
  auto& informer = on_.caches.Workloads(reference.kind);
  const auto workload = informer.Get({pool.meta.ns, reference.name});
  report.workload = reference.kind + " " + reference.name;
  if (!workload || workload->meta.deleting) {
    report.missing = true;
    return Ok();
  }
  report.replicas = workload->replicas;
  const auto state = workloads::StateOf(*workload);
  if (!state) {
    report.held = true;
    report.note = "annotation " + std::string(workloads::kSavedAnnotation) + ": " +
                  state.error().message() + "; remove it or set it right";
    return Ok();
  }
  if (state->saved) report.saved_replicas = state->saved->replicas;

  workloads::WorkloadAsk ask;
  ask.level = report.outcome.level;
  ask.concurrency = report.outcome.scale_concurrency;
  ask.maximum = demand.maximum;
  ask.may_relax = demand.may_relax;
  ask.drained = report.outcome.drained;
  ask.pool = pool.meta.name;
  ask.pool_uid = pool.meta.uid;
  const auto plan = workloads::PlanWorkload(*state, ask, pool.spec.scaling);

  const auto now = on_.clock.Now();
  auto& contention = memory.contention[report.workload];
  if (contention.Contended(now)) {
    contended.push_back(report.workload +
                        (contention.by().empty() ? "" : " (by " + contention.by() + ")"));
  }
  if (plan.kind == workloads::PlanKind::kNothing) {
    report.note = plan.explanation;
    report.held = state->saved && state->saved->pool != pool.meta.name;
    return Ok();
  }
  if (plan.kind == workloads::PlanKind::kReassert) {
    if (const auto at = contention.NextReassert(now); at > now) {
      Earliest(next, at);
      return Ok();
    }
    contention.Reversed(now, state->changed_by);
  }
  auto answer = workloads::Actuate(on_.client, *type, *workload, plan);
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) {
      report.missing = true;
      return Ok();
    }
    return answer.error();
  }
  informer.Observe(std::move(answer).value());
  if (plan.replicas) report.replicas = *plan.replicas;
  report.saved_replicas.reset();
  if (plan.patch_saved) report.saved_replicas = plan.patch_saved->replicas;

  const bool gives =
      plan.kind == workloads::PlanKind::kRestore || plan.kind == workloads::PlanKind::kForget;
  const std::string why = report.governor ? "; budget " + report.governor->budget.name + ": " +
                                                report.governor->decision.message
                                          : "";
  on_.events.Record(ReferenceTo(*type, workload->meta),
                    gives ? kube::EventType::kNormal : kube::EventType::kWarning,
                    plan.kind == workloads::PlanKind::kRestore    ? "Restored"
                    : plan.kind == workloads::PlanKind::kForget   ? "LeftAsChanged"
                    : plan.kind == workloads::PlanKind::kReassert ? "ScaledDownAgain"
                                                                  : "Scaled",
                    "Scale", plan.explanation + why);
  spdlog::info("pool={} agent={} workload={} {}{}", pool.meta.key().ToString(), agent.name,
               report.workload, plan.explanation, why);
  return Ok();
}

Status AgentPoolController::Reconcile(const kube::ObjectKey& key) {
  const auto pool = on_.caches.pools.Get(key);
  if (!pool) {
    Forget(key);
    return Release(key, {});
  }
  if (pool->meta.deleting) return Finish(*pool);
  const auto now = on_.clock.Now();
  if (pool->invalid) {
    on_.reporter.Consider(pool, InvalidPoolStatus(*pool, now), *pool->invalid);
    return Ok();
  }
  // Acting on half of the budgets could give back what another one takes.
  if (!EveryBudgetEvaluated(*pool)) return Ok();

  const auto demand = CombineDemand(*pool, on_.board.Covering(key));
  const auto memory = MemoryOf(*pool);
  PoolReport report{*pool, demand, now};
  std::optional<Timestamp> next;
  std::vector<PublishedAgent> published;
  std::int64_t sum = 0;
  for (const auto& agent : demand.agents) {
    AgentReport entry;
    entry.name = agent.name;
    entry.governor = agent.governor;
    entry.outcome = StepAgent(memory->agents[agent.name], agent, DrainOf(*pool), now);
    Earliest(next, entry.outcome.next);
    sum += entry.outcome.concurrency;
    published.push_back({agent.name, entry.outcome.state, entry.outcome.concurrency});
    report.agents.push_back(std::move(entry));
  }
  report.concurrency =
      static_cast<std::int32_t>(std::min<std::int64_t>(pool->spec.max_concurrency, sum));
  report.state = PoolState(report.agents, demand.audit_only);

  // Gate first, scale second; an unpublished limit does not keep replicas up.
  const bool publishes = !pool->spec.limit_targets.empty();
  std::string limits;
  if (publishes) {
    limits = LimitsDocument(*pool, report.state, report.concurrency, published);
    Earliest(next, now + kVerifyLimitsEvery);
  }
  report.published = publisher_.Publish(*pool, limits);
  Status first = report.published;
  for (std::size_t i = 0; i < report.agents.size(); ++i) {
    KeepFirst(first, Scale(*pool, pool->spec.agents[i], demand.agents[i], *memory, report.agents[i],
                           report.contended, next));
  }
  KeepFirst(first, Release(key, WorkloadIndexOf(*pool)));
  // Only once something is taken: until then there is nothing to give back before the pool goes.
  bool taken = false;
  for (std::size_t i = 0; i < report.agents.size(); ++i) {
    const bool limited =
        publishes && report.agents[i].outcome.concurrency < demand.agents[i].maximum;
    taken = taken || limited || report.agents[i].saved_replicas;
  }
  if (taken) KeepFirst(first, ObserveFinalizer(AddFinalizer(on_.client, *pool)));

  report.shared = SharedOf(*pool);
  on_.reporter.Consider(pool, BuildPoolStatus(report), PoolMessage(report));
  if (next) on_.queue.AddAt(key, *next);
  return first;
}

}  // namespace purser::controllers
