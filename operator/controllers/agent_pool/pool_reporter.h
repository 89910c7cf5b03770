// The status of an AgentPool, and its events. Acting never waits for them, but where the status has
// to hold an original before it is taken.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <unordered_map>

#include "api/agent_pool.h"
#include "base/result.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "kube/client.h"
#include "kube/events.h"
#include "workloads/saved.h"

namespace purser::controllers {

// Thread-safe. What it is given must outlive it.
class PoolReporter {
 public:
  // `queue`: of pools whose status is due.
  // `queue`: of statuses; `pools`: of what is to be acted on, which statuses do not hold up.
  PoolReporter(Caches& caches, kube::Client& client, kube::EventRecorder& events, KeyQueue& queue,
               const KeyQueue& pools);

  // After each reconcile: records the events of what is new, and queues the pool if `status` is
  // worth a write. `message` tells what is asked of the pool. No I/O.
  void QueueStatus(const PoolPointer& pool, api::AgentPoolStatus status,
                   const std::string& message);

  // Writes the status of a queued pool. An error is retried by the caller with backoff.
  Status Report(const kube::ObjectKey& key);

  // Writes what is taken of the agent's workload into the status now, unless it stands there.
  Status Remember(const PoolPointer& pool, const std::string& agent, const api::WorkloadRef& of,
                  const workloads::Saved& saved);

  // Writes where limits are about to be published into the status now, unless it stands there.
  Status RememberTargets(const PoolPointer& pool);

  void Forget(const kube::ObjectKey& key);

 private:
  Status Write(const api::AgentPool& pool, const api::AgentPoolStatus& status);
  std::mutex& WriteMutexOf(const kube::ObjectKey& key);
  void RecordEvents(const api::AgentPool& pool, const api::AgentPoolStatus& before,
                    const api::AgentPoolStatus& after, const std::string& message);
  void RecordRunaways(const api::AgentPool& pool, const api::AgentPoolStatus& before,
                      const api::AgentPoolStatus& after);

  Caches& caches_;
  kube::Client& client_;
  kube::EventRecorder& events_;
  KeyQueue& queue_;
  const KeyQueue& pools_;
  std::mutex mutex_;
  // Writes of one status are serialised: an older one never follows a newer.
  std::array<std::mutex, 16> write_mutexes_;
  // Statuses that the API server has not been told.
  std::unordered_map<kube::ObjectKey, api::AgentPoolStatus> due_;
};

}  // namespace purser::controllers
