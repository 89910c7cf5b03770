// Makes one agent's workload what is asked of it: its replicas, and the original in two places.
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
  std::optional<workloads::Saved> saved;
  Contention contention;
  // The whole object may not be written: the original stands in the pool's status alone.
  bool through_scale = false;
  std::string refusal;  // told last
  std::string doubt;    // told last
};
using WorkloadMemories = std::map<std::string, WorkloadMemory>;  // by "Deployment name"

class WorkloadScaler {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    Clock& clock;
    AskBoard& asks;
    // Writes the agent's original into the pool's status, at once.
    std::function<Status(const PoolPointer& pool, const std::string& agent,
                         const workloads::Saved& saved)>
        remember;
    std::function<void(const kube::ObjectKey& pool)> enqueue_pool;
  };

  explicit WorkloadScaler(Dependencies dependencies)
      : on_(std::move(dependencies)), autoscalers_(on_.client, on_.clock) {}

  // Fills what is known of the workload into `report`. No I/O.
  void Look(const api::AgentPool& pool, const api::AgentSpec& agent, AgentReport& report) const;

  // Scales; fills the rest of `report`. `next`: when to look again, if earlier. An error is
  // retried by the caller with backoff.
  Status Scale(const PoolPointer& pool, const api::AgentSpec& agent, const AgentDemand& demand,
               WorkloadMemories& memories, AgentReport& report, std::optional<Timestamp>& next);

  // Restores what the pool took of workloads it does not name (any more), unless another pool that
  // names them takes them over. `key`: the pool, which may be gone.
  Status RestoreOthers(const kube::ObjectKey& key, const std::vector<std::string>& named,
                       WorkloadMemories* memories);

 private:
  struct Subject;  // one workload, and what is to be known of it
  std::vector<workloads::OtherAsk> AsksOfOthers(const api::AgentPool& pool,
                                                const std::string& workload,
                                                workloads::WorkloadAsk& own) const;
  bool NamedByAnother(const kube::ObjectKey& pool, const std::string& workload) const;
  Status Carry(const PoolPointer& pool, const Subject& subject, workloads::WorkloadPlan& plan,
               WorkloadMemory& memory, AgentReport& report);
  void TellRefusal(const api::AgentPool& pool, const Subject& subject, const Error& error,
                   WorkloadMemory& memory, AgentReport& report) const;
  Status RestoreOne(const kube::ObjectKey& key, const std::string& kind,
                    const workloads::Workload& workload,
                    const std::optional<workloads::Saved>& known);

  Dependencies on_;
  Autoscalers autoscalers_;
};

}  // namespace purser::controllers
