#include "controllers/agent_pool/pool_demand.h"

#include <algorithm>

#include "policy/band.h"
#include "policy/share.h"

namespace purser::controllers {
namespace {

// What `row` allows the agent at `position` of its own list for this pool.
std::int32_t Allowed(const Evaluation& evaluation, const Row& row, std::size_t pool,
                     std::size_t position, const AgentDemand& agent) {
  const auto maximum = agent.maximum;
  switch (evaluation.LevelFor(row, agent.name)) {
    case policy::Level::kNormal:
    case policy::Level::kWarning:
    case policy::Level::kDowngraded:
      return maximum;
    case policy::Level::kThrottled:
      // Its meter alone is lost: how much is left for it is not known.
      if (evaluation.sight.agents.contains(agent.name)) return std::min(maximum, 1);
      if (pool < row.shares.size() && position < row.shares[pool].agents.size()) {
        return std::min(maximum, row.shares[pool].agents[position]);
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

// Adds what one row asks of the agents it governs in the pool.
void AskOf(const Evaluation& evaluation, const RowPointer& row, const kube::ObjectKey& pool,
           PoolDemandResult& result) {
  const auto found = row->Find(pool);
  if (found < 0) return;
  const auto position = static_cast<std::size_t>(found);
  const auto& covered = row->subject->pools[position];
  const auto band = policy::BandOf(row->decision.percent_used);
  const bool throttled =
      row->decision.level == policy::Level::kThrottled && position < row->shares.size();
  std::int32_t total = 0;
  std::vector<std::int32_t> full;
  if (throttled) full = FullShares(covered, total);
  for (std::size_t at = 0; at < covered.agents.size(); ++at) {
    const auto agent_of =
        std::find_if(result.agents.begin(), result.agents.end(),
                     [&](const AgentDemand& one) { return one.name == covered.agents[at]; });
    if (agent_of == result.agents.end()) continue;
    auto& agent = *agent_of;
    const auto allowed = Allowed(evaluation, *row, position, at, agent);
    if (!evaluation.MayRelax(agent.name)) agent.may_relax = false;
    agent.band = std::max(agent.band, band);
    agent.downgrades = std::max(agent.downgrades, row->decision.downgrades);
    if (throttled) {
      const auto& shares = row->shares[position];
      if (at < full.size() && full[at] > 0 && at < shares.agents.size()) {
        Lower(agent, shares.agents[at], full[at]);
      } else {
        Lower(agent, shares.total, total);  // too many agents for one call each
      }
    }
    const auto level = evaluation.LevelFor(*row, agent.name);
    // Its own meter is lost: replicas follow the one call that is left to it.
    if (level == policy::Level::kThrottled && evaluation.sight.agents.contains(agent.name))
      Lower(agent, allowed, agent.maximum);
    if (level >= policy::Level::kWarning) {
      if (Stricter(level, allowed, agent)) {
        agent.governor = row;
        agent.beside.clear();
      } else if (agent.governor && level == agent.level && allowed == agent.concurrency &&
                 agent.governor->budget != row->budget) {
        agent.beside.push_back(row->budget.name);
      }
    }
    agent.level = std::max(agent.level, level);
    agent.concurrency = std::min(agent.concurrency, allowed);
  }
}

// One call at a time, or none, of whom a rule of spec.runaway found.
void AskForRunaways(const api::AgentPool& pool, const std::vector<Runaway>& runaways,
                    std::vector<AgentDemand>& agents) {
  if (!pool.spec.runaway || pool.spec.runaway->action == api::RunawayAction::kNotify) return;
  const bool stops = pool.spec.runaway->action == api::RunawayAction::kStop;
  const auto level = stops ? policy::Level::kStopped : policy::Level::kThrottled;
  for (auto& agent : agents) {
    const auto found = std::find_if(runaways.begin(), runaways.end(), [&](const Runaway& runaway) {
      return runaway.agent.empty() || runaway.agent == agent.name;
    });
    if (found == runaways.end()) continue;
    const auto allowed = stops ? 0 : std::min(agent.maximum, 1);
    if (Stricter(level, allowed, agent)) {
      agent.governor.reset();
      agent.beside.clear();
      agent.runaway = found->message;
    }
    agent.level = std::max(agent.level, level);
    agent.concurrency = std::min(agent.concurrency, allowed);
    if (!stops) Lower(agent, allowed, agent.maximum);
  }
}

}  // namespace

std::string GovernorText(const Row& governor, const std::vector<std::string>& beside) {
  const auto& name = governor.budget.name;
  if (beside.empty()) return "budget " + name + ": ";
  std::string text = "budgets " + name;
  for (std::size_t i = 0; i < beside.size(); ++i)
    text += (i + 1 == beside.size() ? " and " : ", ") + beside[i];
  return text + " are equally strict; " + name + ": ";
}

PoolDemandResult CombineDemand(const api::AgentPool& pool,
                               const std::vector<EvaluationPointer>& covering,
                               const std::vector<Runaway>& runaways) {
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
    const auto at = evaluation->Find(pool.meta.key());
    if (at < 0) continue;
    if (evaluation->audit) {
      audit = true;
      continue;
    }
    result.covered = true;
    if (!evaluation->KnowsAgents(pool)) {
      // Of an agent that it does not know yet nothing is restored.
      const auto& known = evaluation->scope->pools[static_cast<std::size_t>(at)].agents;
      for (auto& agent : result.agents) {
        if (std::find(known.begin(), known.end(), agent.name) == known.end())
          agent.may_relax = false;
      }
    }
    for (const auto& row : evaluation->rows) AskOf(*evaluation, row, pool.meta.key(), result);
  }
  result.audit_only = audit && !result.covered;
  AskForRunaways(pool, runaways, result.agents);

  if (!pool.spec.stop.reason.empty()) {
    for (auto& agent : result.agents) {
      agent.stopped_by_person = agent.level != policy::Level::kStopped;
      agent.level = policy::Level::kStopped;
      agent.concurrency = 0;
    }
  }

  for (std::size_t i = 0; i < result.agents.size(); ++i) {
    const auto& models = pool.spec.agents[i].models;
    if (models.empty()) continue;
    const auto step = static_cast<std::size_t>(result.agents[i].downgrades);
    result.agents[i].model = models[std::min(step, models.size() - 1)];
  }
  std::int64_t sum = 0;
  for (const auto& agent : result.agents) {
    sum += agent.concurrency;
    result.band = std::max(result.band, agent.band);
    if (!agent.may_relax) result.may_relax = false;
    if (agent.governor && (!result.governor || agent.level > result.level)) {
      result.governor = agent.governor;
      result.beside = agent.beside;
    }
    result.level = std::max(result.level, agent.level);
  }
  result.concurrency =
      static_cast<std::int32_t>(std::min<std::int64_t>(pool.spec.max_concurrency, sum));
  return result;
}

}  // namespace purser::controllers
