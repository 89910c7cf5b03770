#include "controllers/agent_pool/agent_pool_controller.h"

#include <algorithm>
#include <tuple>

#include "api/codec.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/agent_pool/saved_status.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"
#include "workloads/scale_actuator.h"

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

// "Deployment researcher": the workload of an agent of the status, also of one that is no longer in
// the spec, which is known by its uid.
std::optional<std::string> WorkloadNameOf(const api::AgentPool& pool,
                                          const api::AgentPoolAgentStatus& agent, Caches& caches) {
  for (const auto& spec : pool.spec.agents) {
    if (spec.name == agent.name) return spec.workload_ref.kind + " " + spec.workload_ref.name;
  }
  std::optional<std::string> found;
  if (agent.workload_uid.empty()) return found;
  for (const char* kind : {"Deployment", "StatefulSet"}) {
    caches.Workloads(kind).ForEach([&](const auto& workload) {
      if (workload->meta.uid == agent.workload_uid && workload->meta.ns == pool.meta.ns)
        found = std::string(kind) + " " + workload->meta.name;
    });
  }
  return found;
}

}  // namespace

AgentPoolController::AgentPoolController(Dependencies dependencies)
    : on_(std::move(dependencies)),
      publisher_(on_.client),
      scaler_({on_.caches, on_.client, on_.events, on_.clock, asks_,
               [this](const PoolPointer& pool, const std::string& agent,
                      const workloads::Saved& saved) {
                 return on_.reporter.Remember(pool, agent, saved);
               },
               [this](const kube::ObjectKey& pool) { on_.queue.Add(pool); }}) {}

AgentPoolController::Memory AgentPoolController::MemoryOf(const api::AgentPool& pool) {
  const std::lock_guard lock(memory_mutex_);
  auto& memory = memory_[pool.meta.key()];
  if (!memory) {
    memory = std::make_shared<PoolMemory>();
    const auto since = TransitionTime(pool.status.conditions, "Stopped");
    for (const auto& agent : pool.status.agents) {
      memory->agents[agent.name] = RecallAgent(agent, since, StillTaken(pool, agent.name));
      const auto saved = SavedOf(pool, agent);
      if (!saved) continue;
      if (const auto workload = WorkloadNameOf(pool, agent, on_.caches))
        memory->workloads[*workload].saved = saved;
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
  const auto workload = on_.caches.Workloads(reference.kind).Get({pool.meta.ns, reference.name});
  if (!workload) return false;
  const auto status = std::find_if(pool.status.agents.begin(), pool.status.agents.end(),
                                   [&](const auto& candidate) { return candidate.name == agent; });
  const auto known = status == pool.status.agents.end() ? std::nullopt : SavedOf(pool, *status);
  const auto state = workloads::StateOf(*workload, known).state;
  return state.saved && state.live <= state.saved->set;
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

void AgentPoolController::Forget(const kube::ObjectKey& key) {
  publisher_.Forget(key);
  on_.reporter.Forget(key);
  asks_.Remove(key);
  const std::lock_guard lock(memory_mutex_);
  memory_.erase(key);
}

Status AgentPoolController::Finish(const api::AgentPool& pool) {
  const auto memory = MemoryOf(pool);
  PURSER_RETURN_IF_ERROR(scaler_.RestoreOthers(pool.meta.key(), {}, &memory->workloads));
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

Status AgentPoolController::Reconcile(const kube::ObjectKey& key) {
  const auto pool = on_.caches.pools.Get(key);
  if (!pool) {
    Forget(key);
    return scaler_.RestoreOthers(key, {}, nullptr);
  }
  if (pool->meta.deleting) return Finish(*pool);
  const auto now = on_.clock.Now();
  if (pool->invalid) {
    on_.reporter.QueueStatus(pool, InvalidPoolStatus(*pool, now), *pool->invalid);
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
    auto& remembered = memory->agents[agent.name];
    entry.outcome = StepAgent(remembered, agent, DrainOf(*pool), now);
    entry.since = SinceOf(remembered);
    Earliest(next, entry.outcome.next);
    sum += entry.outcome.concurrency;
    scaler_.Look(*pool, pool->spec.agents[report.agents.size()], entry);
    published.push_back(
        {agent.name, StateOf(entry, pool->spec.scaling), entry.outcome.concurrency});
    report.agents.push_back(std::move(entry));
  }
  report.concurrency =
      static_cast<std::int32_t>(std::min<std::int64_t>(pool->spec.max_concurrency, sum));
  report.state = PoolState(report.agents, pool->spec.scaling, demand.audit_only);

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
    KeepFirst(first, scaler_.Scale(pool, pool->spec.agents[i], demand.agents[i], memory->workloads,
                                   report.agents[i], next));
  }
  KeepFirst(first, scaler_.RestoreOthers(key, WorkloadIndexOf(*pool), &memory->workloads));
  report.state = PoolState(report.agents, pool->spec.scaling, demand.audit_only);
  // Only once something is taken: until then there is nothing to restore before the pool goes.
  bool taken = false;
  for (std::size_t i = 0; i < report.agents.size(); ++i) {
    const bool limited =
        publishes && report.agents[i].outcome.concurrency < demand.agents[i].maximum;
    taken = taken || limited || report.agents[i].saved;
  }
  if (taken) KeepFirst(first, ObserveFinalizer(AddFinalizer(on_.client, *pool)));

  report.shared = SharedOf(*pool);
  on_.reporter.QueueStatus(pool, BuildPoolStatus(report), PoolMessage(report));
  if (next) on_.queue.AddAt(key, *next);
  return first;
}

}  // namespace purser::controllers
