// Makes the workloads of an agent what is asked of it: those that the pool names, and the Jobs of a
// CronJob.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_pool/workload_step.h"

namespace purser::controllers {

class WorkloadScaler {
 public:
  using Dependencies = WorkloadStep::Dependencies;

  explicit WorkloadScaler(const Dependencies& dependencies)
      : caches_(dependencies.caches), step_(dependencies) {}

  // The kinds to be watched for the pool: those it names, and those of which something is
  // remembered.
  static std::set<api::WorkloadRef> KindsOf(const api::AgentPool& pool,
                                            const WorkloadMemories& memories);

  // Fills what is known of the agent's workloads into `report`. No I/O.
  void Look(const api::AgentPool& pool, const api::AgentSpec& agent,
            const WorkloadMemories& memories, AgentReport& report) const;

  // Scales; fills the rest of `report`. `next`: when to look again, if earlier. An error is
  // retried by the caller with backoff.
  Status Scale(const PoolPointer& pool, const api::AgentSpec& agent, const AgentDemand& demand,
               WorkloadMemories& memories, AgentReport& report, std::optional<Timestamp>& next);

  // Restores what the pool took of workloads it does not name (any more), unless another pool that
  // names them takes them over. `key`: the pool; `pool`: null when it is gone, or going. Error
  // kUnavailable: a kind of which something is remembered is not known yet.
  Status RestoreOthers(const kube::ObjectKey& key, const api::AgentPool* pool,
                       WorkloadMemories* memories);

 private:
  // The named one, and what it made; without those that are not there.
  std::vector<Place> PlacesOf(const api::AgentPool& pool, const api::AgentSpec& agent,
                              AgentReport& report) const;
  // Adds one of them, and what it made. False: it is not there.
  bool AddPlaces(const api::AgentPool& pool, const api::WorkloadRef& reference,
                 std::vector<Place>& places, AgentReport& report) const;
  std::set<std::string> Named(const api::AgentPool& pool) const;
  bool NamedByAnother(const kube::ObjectKey& pool, const std::string& workload) const;

  Caches& caches_;
  WorkloadStep step_;
};

}  // namespace purser::controllers
