// What a change in the caches sets in motion.
#pragma once

#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>

#include "controllers/agent_budget/scope.h"
#include "controllers/caches.h"
#include "kube/informer.h"
#include "kube/object/object_meta.h"
#include "kube/work_queue.h"

namespace purser::controllers {

using KeyQueue = kube::WorkQueue<kube::ObjectKey>;

// Keys of objects to reconcile, or whose status is due. `clock` must outlive them.
struct Queues {
  explicit Queues(Clock& clock)
      : budgets(clock),
        pools(clock),
        budget_reports(clock),
        pool_reports(clock),
        corrections(clock),
        overrides(clock) {}
  KeyQueue budgets;
  KeyQueue pools;
  KeyQueue budget_reports;
  KeyQueue pool_reports;
  KeyQueue corrections;
  KeyQueue overrides;
};

// Changes are queued from the start of the watches, but worked on only while leading.
class Changes {
 public:
  // Adds its handlers to the caches, which have not been started yet.
  Changes(Caches& caches, Queues& queues);

  // While leading: called with an edited budget before it is queued; true: it needs no queueing.
  // An empty function ends that, once a call under way has returned.
  using Evaluate = std::function<bool(const BudgetPointer& before, const BudgetPointer& after)>;
  void SetEvaluate(Evaluate evaluate);

 private:
  void BudgetChanged(const BudgetPointer& before, const BudgetPointer& after);
  void PoolChanged(const PoolPointer& before, const PoolPointer& after);
  void EnqueueSharers(const api::AgentPool& pool);
  void WorkloadChanged(const workloads::Kind& kind, const WorkloadPointer& before,
                       const WorkloadPointer& after);
  // Whatever pools publish limits to, or whose limits it holds.
  void LimitsChanged(const std::shared_ptr<const LimitsMap>& before,
                     const std::shared_ptr<const LimitsMap>& after);
  void FieldChanged(const workloads::Kind& kind, const WorkloadPointer& before,
                    const WorkloadPointer& after);
  void EnqueueOwner(const workloads::Workload& workload, kube::Priority priority);

  Caches& caches_;
  Queues& queues_;
  std::shared_mutex evaluate_mutex_;
  Evaluate evaluate_;
};

}  // namespace purser::controllers
