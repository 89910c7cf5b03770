#include "controllers/agent_budget/scope.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace purser::controllers {
namespace {

bool IsWildcard(const std::vector<std::string>& pools) {
  return pools.size() == 1 && pools.front() == "*";
}

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// "Deployment.apps/crawler", whatever the version; "" of several.
std::string WorkloadOf(const api::AgentSpec& agent) {
  if (!agent.others.empty()) return "";
  const auto& ref = agent.workload_ref;
  const auto group = ref.api_version.substr(0, ref.api_version.find('/'));
  return ref.kind + "." + group + "/" + ref.name;
}

// Of agents that are in no pool any more and whose workload another agent is now: what they were.
void AddFormer(const std::vector<ledger::Membership>& members, ResolvedScope& resolved) {
  std::set<std::string_view> covered;
  for (const auto& pool : resolved.pools) covered.insert(pool.agents.begin(), pool.agents.end());
  std::map<std::string_view, std::set<std::string_view>> heirs;  // by workload
  std::set<std::string_view> present;
  for (const auto& one : members) {
    if (one.until != ledger::kStill) continue;
    present.insert(one.agent);
    if (!one.workload.empty() && covered.contains(one.agent)) heirs[one.workload].insert(one.agent);
  }
  for (const auto& one : members) {
    if (one.until == ledger::kStill || one.workload.empty() || present.contains(one.agent))
      continue;
    const auto found = heirs.find(one.workload);
    if (found == heirs.end()) continue;
    for (const auto& heir : found->second) resolved.former[std::string(heir)].push_back(one);
  }
}

}  // namespace

bool ScopeNames(const api::ScopeSpec& scope, const api::AgentPool& pool) {
  // An empty scope matches nothing, rather than everything.
  if (scope.pools.empty() && scope.agents.empty()) return false;
  if (!scope.pools.empty() && !IsWildcard(scope.pools) && !Contains(scope.pools, pool.meta.name)) {
    return false;
  }
  if (scope.agents.empty()) return true;
  const auto& unnamed = pool.found.unnamed;
  return std::any_of(
             pool.spec.agents.begin(), pool.spec.agents.end(),
             [&](const api::AgentSpec& agent) { return Contains(scope.agents, agent.name); }) ||
         std::any_of(unnamed.begin(), unnamed.end(),
                     [&](const std::string& agent) { return Contains(scope.agents, agent); });
}

ledger::PoolMembers MembersOf(const api::AgentPool& pool) {
  const bool all = !pool.found.pending && !pool.found.partial;
  ledger::PoolMembers members{pool.meta.ns, pool.meta.name, {}, !pool.invalid && all};
  for (const auto& agent : pool.spec.agents) {
    if (agent.name != api::kOtherAgents) members.agents.emplace_back(agent.name, WorkloadOf(agent));
  }
  members.agents.insert(members.agents.end(), pool.found.unnamed.begin(), pool.found.unnamed.end());
  return members;
}

bool CountsByName(const api::ScopeSpec& scope) {
  return scope.pools.empty() || (IsWildcard(scope.pools) && scope.per != api::Per::kPool);
}

bool NeedsMembers(const api::ScopeSpec& scope) {
  return !CountsByName(scope) || (scope.per == api::Per::kAgent && !scope.pools.empty());
}

ResolvedScope ResolveScope(const api::ScopeSpec& scope, const std::vector<PoolPointer>& pools,
                           const std::vector<ledger::Membership>& members) {
  ResolvedScope resolved;
  const bool wildcard = IsWildcard(scope.pools);
  resolved.whole_namespace = wildcard && scope.agents.empty();

  for (const auto& pool : pools) {
    if (pool->invalid || !ScopeNames(scope, *pool)) continue;
    CoveredPool covered;
    covered.key = pool->meta.key();
    covered.generation = pool->meta.generation;
    covered.priority = pool->spec.priority;
    covered.maximum = pool->spec.max_concurrency;
    covered.roster = pool->found.roster;
    resolved.pending = resolved.pending || pool->found.pending;
    resolved.partial = resolved.partial || pool->found.partial;
    for (const auto& agent : pool->spec.agents) {
      if (!scope.agents.empty() && !Contains(scope.agents, agent.name)) continue;
      covered.agents.push_back(agent.name);
      covered.agent_maxima.push_back(
          std::min(agent.max_concurrency.value_or(covered.maximum), covered.maximum));
      resolved.agents.push_back(agent.name);
    }
    for (const auto& agent : pool->found.unnamed) {
      if (!scope.agents.empty() && !Contains(scope.agents, agent)) continue;
      covered.unnamed.push_back(agent);
      resolved.agents.push_back(agent);
    }
    resolved.pools.push_back(std::move(covered));
  }
  std::sort(resolved.pools.begin(), resolved.pools.end(),
            [](const CoveredPool& a, const CoveredPool& b) { return a.key < b.key; });

  if (!wildcard) {
    for (const auto& name : scope.pools) {
      const bool there = std::any_of(pools.begin(), pools.end(), [&](const PoolPointer& pool) {
        return pool->meta.name == name && !pool->invalid;
      });
      if (!there) resolved.missing_pools.push_back(name);
    }
  }
  // Agents named without a list of pools count whether a pool has them or not.
  if (scope.pools.empty() || (wildcard && !scope.agents.empty())) resolved.agents = scope.agents;
  if (resolved.whole_namespace) resolved.agents.clear();
  for (const auto& member : members) {
    const bool always = member.since == ledger::kEver && member.until == ledger::kStill;
    if (always || CountsByName(scope)) continue;
    if (scope.agents.empty() || Contains(scope.agents, member.agent))
      resolved.passing.push_back(member);
  }
  std::sort(resolved.passing.begin(), resolved.passing.end());
  std::sort(resolved.agents.begin(), resolved.agents.end());
  resolved.agents.erase(std::unique(resolved.agents.begin(), resolved.agents.end()),
                        resolved.agents.end());
  if (scope.per == api::Per::kAgent) AddFormer(members, resolved);
  return resolved;
}

}  // namespace purser::controllers
