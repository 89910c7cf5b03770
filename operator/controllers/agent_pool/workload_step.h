// Makes one workload what is asked of it: its replicas or its switch, and the original in two
// places.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/agent_pool/ask_board.h"
#include "controllers/agent_pool/autoscalers.h"
#include "controllers/agent_pool/contention.h"
#include "controllers/agent_pool/pool_demand.h"
#include "controllers/agent_pool/pool_status.h"
#include "controllers/caches.h"
#include "kube/client.h"
#include "kube/events.h"
#include "workloads/workload_plan.h"

namespace purser::controllers {

// What is remembered of a workload of a pool; after a restart `saved` is read back from the status.
struct WorkloadMemory {
  api::WorkloadRef reference;
  std::optional<workloads::Saved> saved;
  Contention contention;
  // The whole object may not be written: the original stands in the pool's status alone.
  bool through_scale = false;
  // It was seen, after it was stopped, that no pod is left; of kinds that do not tell themselves.
  bool pods_gone = false;
  std::string refusal;  // told last
  std::string doubt;    // told last
};
using WorkloadMemories = std::map<std::string, WorkloadMemory>;  // by NameOf

// Of kinds that do not tell: their pods are looked at this often until none is left.
inline constexpr std::chrono::seconds kLookAtPodsEvery{2};
inline constexpr std::chrono::seconds kLookAtPodsAgain{15};  // after a failure

// One of the workloads of an agent, as it is cached.
struct Place {
  api::WorkloadRef reference;
  workloads::KindPointer kind;
  WorkloadPointer workload;
  bool made = false;  // by another of them: a Job of a CronJob
};

class WorkloadStep {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    Clock& clock;
    AskBoard& asks;
    // Writes the agent's original into the pool's status, at once.
    std::function<Status(const PoolPointer& pool, const std::string& agent,
                         const api::WorkloadRef& workload, const workloads::Saved& saved)>
        remember;
    std::function<void(const kube::ObjectKey& pool)> enqueue_pool;
  };

  explicit WorkloadStep(Dependencies dependencies)
      : on_(std::move(dependencies)), autoscalers_(on_.client, on_.clock) {}

  // `report`: of the agent, with its outcome; what became of this workload is filled in. `next`:
  // when to look again, if earlier. An error is retried by the caller with backoff.
  Status Take(const PoolPointer& pool, const std::string& agent, const Place& place,
              const AgentDemand& demand, WorkloadMemory& memory, AgentReport& report,
              std::optional<Timestamp>& next);

  // Restores what was taken of it. `known`: as far as it is remembered.
  Status Restore(const kube::ObjectKey& pool, const workloads::Kind& kind,
                 kube::Informer<workloads::Workload>& informer, const workloads::Workload& workload,
                 const std::optional<workloads::Saved>& known);

 private:
  struct Subject;  // one workload, and what is to be known of it
  std::vector<workloads::OtherAsk> AsksOfOthers(const api::AgentPool& pool,
                                                const std::string& workload,
                                                workloads::WorkloadAsk& own) const;
  Status Carry(const PoolPointer& pool, const Subject& subject, workloads::WorkloadPlan& plan,
               WorkloadMemory& memory, AgentReport& report);
  void TellRefusal(const api::AgentPool& pool, const Subject& subject, const Error& error,
                   WorkloadMemory& memory, AgentReport& report) const;
  void LookAtPods(const workloads::Workload& workload, WorkloadMemory& memory, AgentReport& report,
                  std::optional<Timestamp>& next);
  std::optional<Autoscaler> AutoscalerOf(const api::AgentPool& pool, const Place& place);
  void Observe(const api::WorkloadRef& reference, workloads::Workload workload) const;

  Dependencies on_;
  Autoscalers autoscalers_;
};

}  // namespace purser::controllers
