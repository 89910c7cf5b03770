// The caches of everything the controllers read, with the indexes they read it by.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_budget_override.h"
#include "api/agent_pool.h"
#include "api/spend_correction.h"
#include "controllers/kind_watches.h"
#include "controllers/limits_map.h"
#include "controllers/roster.h"
#include "kube/client.h"
#include "kube/informer.h"

namespace purser::controllers {

// Budgets by what their scope names: "ns/pool", or "ns/*" for those any pool may concern.
inline constexpr const char* kBudgetsByPool = "pool";
// Overrides by the budget they name, "ns/budget".
inline constexpr const char* kOverridesByBudget = "budget";
// Pools by namespace.
inline constexpr const char* kPoolsByNamespace = "namespace";
// Pools that have a selector, by namespace.
inline constexpr const char* kPoolsSelecting = "selecting";
// Pools by the workloads they name, "ns/kind/name".
inline constexpr const char* kPoolsByWorkload = "workload";
// Pools by the agents they name, "ns/agent".
inline constexpr const char* kPoolsByAgent = "agent";
// Pools by the objects they publish limits to, "ns/kind/name" as of kPoolsByWorkload.
inline constexpr const char* kPoolsByLimitTarget = "limit-target";

// The values of those indexes.
std::vector<std::string> PoolIndexOf(const api::AgentBudget& budget);
std::vector<std::string> WorkloadIndexOf(const api::AgentPool& pool);
std::vector<std::string> AgentIndexOf(const api::AgentPool& pool);
// `kind`: its id, as of workloads::Kind.
std::string WorkloadIndexValue(const std::string& ns, const std::string& kind,
                               const std::string& name);
std::string WorkloadIndexValue(const std::string& ns, const api::WorkloadRef& reference);
std::string AgentIndexValue(const std::string& ns, const std::string& agent);

// Thread-safe once started. `client` must outlive it.
struct Caches {
  // `namespaces` empty: all. `on_threw` hears which cache caught an exception; any thread.
  Caches(kube::Client& client, const std::vector<std::string>& namespaces,
         const std::function<void(const char* what)>& on_threw = {});

  void Start();
  void Stop();
  bool Synced() const;
  // Until every cache holds its first list, or `stop`; says what it waits for every 5 s.
  void WaitForSync(const std::stop_token& stop);

  // Null: not there, or its kind is not known (yet): see KindWatches::Of.
  WorkloadPointer Workload(const std::string& ns, const api::WorkloadRef& reference) const;

  // Pools with the agents that their selectors find now: what everything that asks for a pool's
  // agents goes by. Null: not there.
  PoolPointer Pool(const kube::ObjectKey& key) const;
  std::vector<PoolPointer> PoolsIn(const std::string& ns) const;
  std::vector<PoolPointer> AllPools() const;
  // Those that name a workload or an agent in their spec or find it. `index`: kPoolsByWorkload or
  // kPoolsByAgent; `value`: one of its values.
  std::vector<PoolPointer> PoolsNaming(const std::string& ns, const char* index,
                                       const std::string& value) const;
  // Those that name or find this workload, as they were read. No roster is made for it.
  std::vector<PoolPointer> PoolsOf(const workloads::Kind& kind,
                                   const workloads::Workload& workload) const;

  // Budgets that name the pool, or every pool of its namespace.
  std::vector<kube::Informer<api::AgentBudget>::Pointer> BudgetsNaming(
      const api::AgentPool& pool) const;

  // Other pools, not being deleted, that name a workload or an agent of this one too; as
  // PoolsNaming.
  std::vector<PoolPointer> OthersNaming(const api::AgentPool& pool, const char* index,
                                        const std::string& value) const;

  kube::Informer<api::AgentBudget> budgets;
  kube::Informer<api::AgentPool> pools;  // as they are read: see Pool
  KindWatches kinds;
  Roster roster;
  // Nobody waits for these: a cluster whose CRDs are older has none, and keeps its budgets.
  kube::Informer<api::SpendCorrection> corrections;
  kube::Informer<api::AgentBudgetOverride> overrides;
  // Nor for this one: without the right to list ConfigMaps they are read now and then.
  kube::Informer<LimitsMap> limits_maps;
};

}  // namespace purser::controllers
