// What a change in the caches sets in motion.
#pragma once

#include <functional>
#include <shared_mutex>
#include <string>

#include "controllers/agent_budget/scope.h"
#include "controllers/caches.h"
#include "kube/informer.h"
#include "kube/object/object_meta.h"
#include "kube/work_queue.h"

namespace purser::controllers {

using KeyQueue = kube::WorkQueue<kube::ObjectKey>;

// Changes are queued from the start of the watches, but worked on only while leading.
class Changes {
 public:
  // Adds its handlers to the caches, which have not been started yet.
  Changes(Caches& caches, KeyQueue& budget_queue, KeyQueue& pool_queue, KeyQueue& correction_queue);

  // While leading: called with an edited budget before it is queued; true: it needs no queueing.
  // An empty function ends that, once a call under way has returned.
  using Evaluate = std::function<bool(const BudgetPointer& before, const BudgetPointer& after)>;
  void SetEvaluate(Evaluate evaluate);

 private:
  void BudgetChanged(const BudgetPointer& before, const BudgetPointer& after);
  void PoolChanged(const PoolPointer& before, const PoolPointer& after);
  void EnqueueSharers(const api::AgentPool& pool);
  void WorkloadChanged(const std::string& kind,
                       const kube::Informer<workloads::Workload>::Pointer& before,
                       const kube::Informer<workloads::Workload>::Pointer& after);

  Caches& caches_;
  KeyQueue& budget_queue_;
  KeyQueue& pool_queue_;
  std::shared_mutex evaluate_mutex_;
  Evaluate evaluate_;
};

}  // namespace purser::controllers
