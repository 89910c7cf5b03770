// Which pools and agents a budget covers: a pure function of its scope and the namespace's pools.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "ledger/membership.h"

namespace purser::controllers {

using PoolPointer = std::shared_ptr<const api::AgentPool>;
using BudgetPointer = std::shared_ptr<const api::AgentBudget>;

struct CoveredPool {
  kube::ObjectKey key;
  std::int64_t generation = 0;  // of the pool's spec
  std::int32_t priority = 0;
  std::int32_t maximum = 0;                // the pool's maxConcurrency
  std::vector<std::string> agents;         // those covered, in the pool's order
  std::vector<std::int32_t> agent_maxima;  // parallel: the agent's own maximum or the pool's
  std::vector<std::string> unnamed{};      // of FoundAgents, those covered
  std::string roster{};                    // likewise, of the whole pool
  bool operator==(const CoveredPool&) const = default;
};

struct ResolvedScope {
  std::vector<CoveredPool> pools;   // sorted by key; only pools with at least one covered agent
  bool whole_namespace = false;     // spend of every agent counts, pools or not
  std::vector<std::string> agents;  // whose spend counts otherwise; sorted, unique
  std::vector<std::string> missing_pools;  // named by the scope, not there (or not valid)
  // Of the scope's pools and agents, those that were not always members; sorted by agent. Empty
  // where spend counts by the agent's name alone.
  std::vector<ledger::Membership> passing;
  // per: Agent: by agent, the memberships of those whose workload is his now: he is who they were,
  // renamed.
  std::map<std::string, std::vector<ledger::Membership>> former;
  bool pending = false;  // whom a pool's selector finds is not known yet
  bool partial = false;  // a kind that it looks for cannot be listed at present
  bool operator==(const ResolvedScope&) const = default;
};

// Whether `scope` can concern `pool` of the same namespace: the cheap test behind every index.
bool ScopeNames(const api::ScopeSpec& scope, const api::AgentPool& pool);

// Who is in a pool, for the ledger.
ledger::PoolMembers MembersOf(const api::AgentPool& pool);

// Whether spend counts by an agent's name alone, whatever pool it is in.
bool CountsByName(const api::ScopeSpec& scope);

// Whether it matters who was in which pool.
bool NeedsMembers(const api::ScopeSpec& scope);

// `pools`: all AgentPools of the budget's namespace, in any order. `members`: who was in those
// pools, and in former ones that the scope names, as far as that is known.
ResolvedScope ResolveScope(const api::ScopeSpec& scope, const std::vector<PoolPointer>& pools,
                           const std::vector<ledger::Membership>& members = {});

}  // namespace purser::controllers
