#include "controllers/changes.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "workloads/scale_actuator.h"

namespace purser::controllers {
namespace {

// A status of our own changes no generation. One made anew under the same name
// may have the same.
bool SameSpec(const kube::ObjectMeta& before, const kube::ObjectMeta& after) {
  return before.uid == after.uid && before.generation == after.generation &&
         before.deleting == after.deleting;
}

}  // namespace

Changes::Changes(Caches& caches, Queues& queues) : caches_(caches), queues_(queues) {
  caches_.budgets.AddHandler(
      [this](const auto& before, const auto& after) { BudgetChanged(before, after); });
  caches_.pools.AddHandler(
      [this](const auto& before, const auto& after) { PoolChanged(before, after); });
  caches_.corrections.AddHandler([&queues](const auto&, const auto& after) {
    if (after) queues.corrections.Add(after->meta.key());
  });
  caches_.kinds.AddHandler([this](const auto& kind, const auto& before, const auto& after) {
    if (IsFieldKind(kind)) {
      FieldChanged(kind, before, after);
    } else {
      WorkloadChanged(kind, before, after);
    }
  });
  caches_.limits_maps.AddHandler(
      [this](const auto& before, const auto& after) { LimitsChanged(before, after); });
  caches_.kinds.SetOnSight([this](const kube::ObjectKey& key) {
    queues_.pools.Add(key);
    const auto pool = caches_.pools.Get(key);
    if (!pool || !pool->spec.agent_selector) return;
    // Whom it finds is known now, or no longer.
    caches_.roster.Changed(key.ns);
    for (const auto& budget : caches_.BudgetsNaming(*pool))
      queues_.budgets.Add(budget->meta.key(), kube::Priority::kHigh);
  });
  caches_.overrides.AddHandler([this](const auto& before, const auto& after) {
    const auto& one = after ? after : before;
    if (after) queues_.overrides.Add(after->meta.key());
    queues_.budgets.Add({one->meta.ns, one->spec.budget}, kube::Priority::kHigh);
  });
}

void Changes::SetEvaluate(Evaluate evaluate) {
  const std::unique_lock lock(evaluate_mutex_);
  evaluate_ = std::move(evaluate);
}

void Changes::BudgetChanged(const BudgetPointer& before, const BudgetPointer& after) {
  if (before && after) {
    if (SameSpec(before->meta, after->meta)) return;
    const std::shared_lock lock(evaluate_mutex_);
    if (evaluate_ && evaluate_(before, after)) return;
  }
  queues_.budgets.Add((after ? after : before)->meta.key(), kube::Priority::kHigh);
}

void Changes::PoolChanged(const PoolPointer& before, const PoolPointer& after) {
  const bool same_spec = before && after && SameSpec(before->meta, after->meta);
  if (same_spec && before->meta.finalizers == after->meta.finalizers &&
      before->meta.annotations == after->meta.annotations)
    return;
  const auto& pool = after ? after : before;
  if (!after) caches_.roster.Forget(pool->meta.key());
  // What one pool names, another does not find for itself.
  if (!same_spec) caches_.roster.Changed(pool->meta.ns);
  queues_.pools.Add(pool->meta.key(), kube::Priority::kHigh);
  if (same_spec) return;
  for (const auto& of : {before, after}) {
    if (of) EnqueueSharers(*of);
  }
  for (const auto& budget : caches_.BudgetsNaming(*pool)) {
    queues_.budgets.Add(budget->meta.key(), kube::Priority::kHigh);
  }
}

// Those that name a workload or an agent of this pool tell so in their status.
void Changes::EnqueueSharers(const api::AgentPool& pool) {
  const auto enqueue = [&](const char* index, const std::vector<std::string>& values) {
    for (const auto& value : values) {
      for (const auto& other : caches_.OthersNaming(pool, index, value))
        queues_.pools.Add(other->meta.key());
    }
  };
  enqueue(kPoolsByWorkload, WorkloadIndexOf(pool));
  enqueue(kPoolsByAgent, AgentIndexOf(pool));
}

// The Jobs of a CronJob belong to the agent that names it.
void Changes::EnqueueOwner(const workloads::Workload& workload, kube::Priority priority) {
  if (!workload.details || workload.details->owner_uid.empty()) return;
  const auto sight = caches_.kinds.Of(CronJobsKind());
  if (!sight.watch) return;
  for (const auto& owner :
       sight.watch->informer.ByIndex(kWorkloadsByUid, workload.details->owner_uid)) {
    for (const auto& pool : caches_.PoolsOf(*sight.watch->kind, *owner))
      queues_.pools.Add(pool->meta.key(), priority);
  }
}

void Changes::LimitsChanged(const std::shared_ptr<const LimitsMap>& before,
                            const std::shared_ptr<const LimitsMap>& after) {
  // Also labels of no interest change; keys alone matter.
  if (before && after && before->keys == after->keys) return;
  const auto& meta = (after ? after : before)->meta;
  std::set<std::string> pools;
  for (const auto& of : {before, after}) {
    if (!of) continue;
    for (const auto& [key, limits] : of->keys) {
      if (limits) pools.insert(limits->pool);
    }
  }
  for (const auto& pool : caches_.pools.ByIndex(
           kPoolsByLimitTarget, WorkloadIndexValue(meta.ns, "ConfigMap", meta.name)))
    pools.insert(pool->meta.name);
  for (const auto& pool : pools) queues_.pools.Add({meta.ns, pool});
}

void Changes::FieldChanged(const workloads::Kind& kind, const WorkloadPointer& before,
                           const WorkloadPointer& after) {
  const auto value = [](const WorkloadPointer& of) {
    return of->details ? of->details->value : std::string();
  };
  if (before && after && before->meta.uid == after->meta.uid && value(before) == value(after) &&
      before->meta.annotations == after->meta.annotations)
    return;
  const auto& meta = (after ? after : before)->meta;
  for (const auto& pool : caches_.pools.ByIndex(kPoolsByLimitTarget,
                                                WorkloadIndexValue(meta.ns, kind.id(), meta.name)))
    queues_.pools.Add(pool->meta.key());
}

void Changes::WorkloadChanged(const workloads::Kind& kind, const WorkloadPointer& before,
                              const WorkloadPointer& after) {
  auto priority = kube::Priority::kHigh;
  if (before && after && before->replicas == after->replicas && before->labels == after->labels &&
      before->meta.annotations == after->meta.annotations &&
      before->meta.deleting == after->meta.deleting) {
    if (before->Running() == after->Running() && before->Ended() == after->Ended()) return;
    priority = kube::Priority::kLow;  // to be told, not to be acted on
  }
  const auto& workload = *(after ? after : before);
  std::vector<PoolPointer> pools;
  for (const auto& one : {before, after}) {
    if (!one) continue;
    auto of = caches_.PoolsOf(kind, *one);
    pools.insert(pools.end(), of.begin(), of.end());
  }
  const bool found = std::any_of(pools.begin(), pools.end(), [](const auto& pool) {
    return pool->spec.agent_selector.has_value();
  });
  if (found && priority == kube::Priority::kHigh) caches_.roster.Changed(workload.meta.ns);
  for (const auto& pool : pools) queues_.pools.Add(pool->meta.key(), priority);
  if (const auto saved = workloads::SavedOn(workload))
    queues_.pools.Add({workload.meta.ns, saved->pool}, priority);
  EnqueueOwner(workload, priority);
}

}  // namespace purser::controllers
