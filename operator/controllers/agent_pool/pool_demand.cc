#include "controllers/agent_pool/pool_demand.h"

#include <algorithm>

namespace purser::controllers {
namespace {

// What `evaluation` allows the agent at `position` of its own list for this pool.
std::int32_t Allowed(const Evaluation& evaluation, std::size_t pool, std::size_t position,
                     std::int32_t maximum) {
  switch (evaluation.decision.level) {
    case policy::Level::kNormal:
    case policy::Level::kWarning:
      return maximum;
    case policy::Level::kThrottled:
      if (pool < evaluation.shares.size() && position < evaluation.shares[pool].agents.size()) {
        return std::min(maximum, evaluation.shares[pool].agents[position]);
      }
      return 0;
    case policy::Level::kRefusingWork:
    case policy::Level::kStopped:
      return 0;
  }
  return 0;
}

bool Stricter(policy::Level level, std::int32_t concurrency, const AgentDemand& than) {
  if (level != than.level) return level > than.level;
  return concurrency < than.concurrency;
}

}  // namespace

PoolDemandResult CombineDemand(const api::AgentPool& pool,
                               const std::vector<EvaluationPointer>& covering) {
  PoolDemandResult result;
  result.agents.reserve(pool.spec.agents.size());
  for (const auto& agent : pool.spec.agents) {
    const auto maximum = std::min(agent.max_concurrency.value_or(pool.spec.max_concurrency),
                                  pool.spec.max_concurrency);
    result.agents.push_back({agent.name, policy::Level::kNormal, maximum, maximum, true, nullptr});
  }

  bool audit = false;
  for (const auto& evaluation : covering) {
    const auto found = evaluation->Find(pool.meta.key());
    if (found < 0) continue;
    if (evaluation->decision.audit) {
      audit = true;
      continue;
    }
    result.covered = true;
    const auto position = static_cast<std::size_t>(found);
    const auto& names = evaluation->scope.pools[position].agents;
    for (auto& agent : result.agents) {
      const auto name = std::find(names.begin(), names.end(), agent.name);
      if (name == names.end()) continue;
      const auto allowed = Allowed(*evaluation, position,
                                   static_cast<std::size_t>(name - names.begin()), agent.maximum);
      if (!evaluation->decision.may_relax) agent.may_relax = false;
      const auto level = evaluation->decision.level;
      if (level >= policy::Level::kWarning && Stricter(level, allowed, agent))
        agent.governor = evaluation;
      agent.level = std::max(agent.level, level);
      agent.concurrency = std::min(agent.concurrency, allowed);
    }
  }
  result.audit_only = audit && !result.covered;

  std::int64_t sum = 0;
  for (const auto& agent : result.agents) {
    sum += agent.concurrency;
    if (!agent.may_relax) result.may_relax = false;
    if (agent.governor && (!result.governor || agent.level > result.level))
      result.governor = agent.governor;
    result.level = std::max(result.level, agent.level);
  }
  result.concurrency =
      static_cast<std::int32_t>(std::min<std::int64_t>(pool.spec.max_concurrency, sum));
  return result;
}

}  // namespace purser::controllers
