#include "controllers/agent_pool/pool_demand.h"

#include <algorithm>

#include "policy/band.h"
#include "policy/share.h"

namespace purser::controllers {
namespace {

// What `evaluation` allows the agent at `position` of its own list for this
// pool.
std::int32_t Allowed(const Evaluation& evaluation, std::size_t pool, std::size_t position,
                     const AgentDemand& agent) {
  const auto maximum = agent.maximum;
  switch (evaluation.LevelFor(agent.name)) {
    case policy::Level::kNormal:
    case policy::Level::kWarning:
      return maximum;
    case policy::Level::kThrottled:
      // Its meter alone is lost: how much is left for it is not known.
      if (evaluation.sight.agents.contains(agent.name)) return std::min(maximum, 1);
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

// Each agent's share of the pool while nothing is short, in the order of
// `covered`.
std::vector<std::int32_t> FullShares(const CoveredPool& covered, std::int32_t& total) {
  std::int64_t sum = 0;
  for (const auto maximum : covered.agent_maxima) sum += maximum;
  total = static_cast<std::int32_t>(std::min<std::int64_t>(covered.maximum, sum));
  const auto shares =
      policy::Share(total, {{covered.key, covered.priority, total, covered.agent_maxima}});
  return shares.front().agents;
}

// Keeps the smaller of two shares.
void Lower(AgentDemand& agent, std::int32_t share, std::int32_t of) {
  if (of <= 0 || std::int64_t{share} * agent.share_of >= std::int64_t{agent.share} * of) return;
  agent.share = share;
  agent.share_of = of;
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
    AgentDemand demand;
    demand.name = agent.name;
    demand.maximum = maximum;
    demand.concurrency = maximum;
    result.agents.push_back(std::move(demand));
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
    const auto band = policy::BandOf(evaluation->decision.percent_used);
    const bool throttled = evaluation->decision.level == policy::Level::kThrottled &&
                           position < evaluation->shares.size();
    std::int32_t total = 0;
    std::vector<std::int32_t> full;
    if (throttled) full = FullShares(evaluation->scope.pools[position], total);
    for (auto& agent : result.agents) {
      const auto name = std::find(names.begin(), names.end(), agent.name);
      if (name == names.end()) continue;
      const auto allowed =
          Allowed(*evaluation, position, static_cast<std::size_t>(name - names.begin()), agent);
      if (!evaluation->MayRelax(agent.name)) agent.may_relax = false;
      agent.band = std::max(agent.band, band);
      if (throttled) {
        const auto& shares = evaluation->shares[position];
        const auto at = static_cast<std::size_t>(name - names.begin());
        if (at < full.size() && full[at] > 0 && at < shares.agents.size()) {
          Lower(agent, shares.agents[at], full[at]);
        } else {
          Lower(agent, shares.total,
                total);  // too many agents for one call each
        }
      }
      const auto level = evaluation->LevelFor(agent.name);
      // Its own meter is lost: replicas follow the one call that is left to it.
      if (level == policy::Level::kThrottled && evaluation->sight.agents.contains(agent.name))
        Lower(agent, allowed, agent.maximum);
      if (level >= policy::Level::kWarning && Stricter(level, allowed, agent))
        agent.governor = evaluation;
      agent.level = std::max(agent.level, level);
      agent.concurrency = std::min(agent.concurrency, allowed);
    }
  }
  result.audit_only = audit && !result.covered;

  if (!pool.spec.stop.reason.empty()) {
    for (auto& agent : result.agents) {
      agent.stopped_by_person = agent.level != policy::Level::kStopped;
      agent.level = policy::Level::kStopped;
      agent.concurrency = 0;
    }
  }

  std::int64_t sum = 0;
  for (const auto& agent : result.agents) {
    sum += agent.concurrency;
    result.band = std::max(result.band, agent.band);
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
