// AgentPool: gathers every demand on the pool and alone acts: limits first,
// replicas second. The status is the reporter's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_pool/agent_step.h"
#include "controllers/agent_pool/ask_board.h"
#include "controllers/agent_pool/limits_publisher.h"
#include "controllers/agent_pool/pool_reporter.h"
#include "controllers/agent_pool/pool_status.h"
#include "controllers/agent_pool/runaway_board.h"
#include "controllers/agent_pool/spend_after_stop.h"
#include "controllers/agent_pool/workload_scaler.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "controllers/metering/meter_watch.h"
#include "kube/client.h"
#include "kube/events.h"

namespace purser::controllers {

class AgentPoolController {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    EvaluationBoard& board;
    PoolReporter& reporter;
    Clock& clock;
    KeyQueue& queue;                                             // of pools
    std::function<void(const kube::ObjectKey&)> enqueue_budget;  // with high priority
    ledger::Ledger& ledger;
    StillSpendingBoard& still_spending;
    const MeterWatch& meters;
    RunawayBoard& runaways;
    // What a pool's limits are, before they are published; that it is gone. May be empty.
    std::function<void(const Limits&)> on_limits = {};
    std::function<void(const kube::ObjectKey&)> on_gone = {};
    WebhookOutbox* webhooks = nullptr;  // null: none are configured
  };

  explicit AgentPoolController(Dependencies dependencies);

  // Level-based: right from any state. An error is retried by the caller with
  // backoff.
  Status Reconcile(const kube::ObjectKey& key);

  // Totals of the ledger changed under these ids: queues the pools of those that are ours, and
  // returns the others.
  std::vector<std::string> SpendChanged(const std::vector<std::string>& ids);

 private:
  struct PoolMemory {
    std::map<std::string, AgentMemory> agents;
    WorkloadMemories workloads;
    std::string stopped_by;             // who wrote spec.stop
    std::int64_t stopped_by_asked = 0;  // of which generation
    bool released = false;  // what was found of runaways, by the annotation that is there
  };
  using Memory = std::shared_ptr<PoolMemory>;

  Memory MemoryOf(const api::AgentPool& pool);
  // Whether what a stop took of the agent is still taken, as its workload tells
  // it.
  bool StillTaken(const api::AgentPool& pool, const std::string& agent) const;
  bool EveryBudgetEvaluated(const api::AgentPool& pool);
  std::vector<Runaway> RunawaysOf(const api::AgentPool& pool, PoolMemory& memory);
  // What another pool names too.
  Shared SharedOf(const api::AgentPool& pool) const;
  void Forget(const kube::ObjectKey& key);
  Status Finish(const api::AgentPool& pool);
  // With scaling.restore: Manual what a budget stopped stays so until a person
  // restores it.
  static void WaitForAPerson(const api::AgentPool& pool, PoolMemory& memory,
                             PoolDemandResult& demand);
  // Every agent's next step, into `report`; what is to be published.
  Limits Step(const api::AgentPool& pool, PoolMemory& memory, PoolReport& report,
              std::optional<Timestamp>& next) const;
  bool PublishesTo(const kube::ObjectKey& pool, const api::LimitPlace& place) const;
  // Reads who wrote spec.stop, once for each of its versions.
  std::string StoppedBy(const api::AgentPool& pool, PoolMemory& memory) const;
  // What agents spend though they are stopped.
  void LookAfterStop(const api::AgentPool& pool, PoolMemory& memory, PoolReport& report,
                     std::optional<Timestamp>& next);
  Status TakeRestoreOff(const kube::ObjectKey& key);
  Status ObserveFinalizer(const Result<std::optional<std::string>>& patched);

  Dependencies on_;
  LimitsPublisher publisher_;
  AskBoard asks_;
  WorkloadScaler scaler_;
  SpendAfterStop after_stop_;
  std::mutex memory_mutex_;
  std::unordered_map<kube::ObjectKey, Memory> memory_;
};

}  // namespace purser::controllers
