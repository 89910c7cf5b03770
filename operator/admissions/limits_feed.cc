#include "admissions/limits_feed.h"

#include <algorithm>

#include "policy/measure.h"

namespace purser::admissions {
namespace {

// Rounded down: what is allowed stays below the threshold.
Quantity PercentOf(Quantity limit, std::int32_t percent) {
  __extension__ typedef __int128 Wide;
  const Wide part = static_cast<Wide>(limit.count()) * percent / 100;
  return Quantity::Of(part > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(part));
}

std::optional<Quantity> At(const api::AgentBudgetSpec& spec, Quantity limit, api::Action least) {
  std::optional<std::int32_t> percent;
  const auto& thresholds = spec.thresholds.empty() ? api::DefaultThresholds() : spec.thresholds;
  for (const auto& one : thresholds) {
    if (one.action >= least && (!percent || one.percent < *percent)) percent = one.percent;
  }
  if (!percent) return std::nullopt;
  return PercentOf(limit, *percent);
}

gate::Row RowFrom(const controllers::Row& row, const api::AgentBudget& budget) {
  const auto& subject = *row.subject;
  const auto coverage = controllers::CoverageOf(budget, subject, row.decision.window);
  gate::Row made;
  made.id = controllers::RowId(row.budget, subject.name);
  made.ns = budget.meta.ns;
  made.budget = row.budget.ns + "/" + row.budget.name;
  made.whole_namespace = coverage.whole_namespace;
  made.agents = coverage.agents;
  made.models = coverage.models;
  made.tasks = coverage.tasks;
  made.workflows = coverage.workflows;
  made.unit = budget.spec.unit;
  made.tokens = budget.spec.tokens;
  made.ceiling = At(budget.spec, row.decision.limit, api::Action::kStop);
  made.new_work = At(budget.spec, row.decision.limit, api::Action::kRefuseNewWork);
  made.resets_at = row.decision.resets_at;
  // What money asks is asked by the ceiling, to the nano-dollar.
  if (!row.decision.crossed_percent) made.level = row.decision.level;
  return made;
}

gate::Agent AgentFrom(const api::AgentPool& pool, const api::AgentSpec& spec) {
  gate::Agent agent;
  agent.ns = pool.meta.ns;
  agent.name = spec.name;
  agent.pool = pool.meta.name;
  agent.models = spec.models;
  agent.concurrency = spec.max_concurrency.value_or(pool.spec.max_concurrency);
  const auto& told = pool.status.agents;
  const auto status = std::find_if(told.begin(), told.end(),
                                   [&](const auto& one) { return one.name == spec.name; });
  if (!pool.spec.stop.reason.empty()) {
    agent.stopped = true;
    agent.why = pool.spec.stop.reason;
  }
  if (pool.spec.runaway && pool.spec.runaway->action == api::RunawayAction::kStop) {
    for (const auto& rule : pool.status.runaway) {
      if (!rule.agents.empty() &&
          !std::binary_search(rule.agents.begin(), rule.agents.end(), spec.name))
        continue;
      agent.stopped = true;
      agent.why = "runaway: " + rule.message;
    }
  }
  if (status != told.end() && (status->state == "Throttled" || status->state == "Ramping"))
    agent.concurrency = std::min(agent.concurrency, status->concurrency);
  return agent;
}

gate::Pool PoolFrom(const api::AgentPool& pool) {
  gate::Pool made{pool.meta.ns, pool.meta.name, pool.spec.max_concurrency, pool.spec.priority};
  if (pool.status.state == "Throttled" || pool.status.state == "Ramping")
    made.concurrency = std::min(made.concurrency, pool.status.max_concurrency);
  return made;
}

}  // namespace

LimitsFeed::LimitsFeed(controllers::Caches& caches, controllers::EvaluationBoard& board,
                       ledger::Ledger& ledger, Clock& clock)
    : caches_(caches), board_(board), ledger_(ledger), clock_(clock) {}

void LimitsFeed::Sync(const std::string& ns, gate::Gate& gate) {
  auto pools = caches_.PoolsIn(ns);
  std::sort(pools.begin(), pools.end(),
            [](const auto& a, const auto& b) { return a->meta.name < b->meta.name; });
  std::map<kube::ObjectKey, controllers::EvaluationPointer> evaluations;
  for (const auto& pool : pools) {
    for (const auto& evaluation : board_.Covering({ns, pool->meta.name}))
      evaluations.emplace(evaluation->budget, evaluation);
  }
  std::vector<std::shared_ptr<const void>> from(pools.begin(), pools.end());
  for (const auto& [key, evaluation] : evaluations) from.push_back(evaluation);
  auto& seen = seen_[ns];
  if (seen.from == from && !from.empty()) return;
  seen.from = std::move(from);

  std::map<std::string, std::int32_t> downgrades;
  std::set<std::string> rows;
  for (const auto& [key, evaluation] : evaluations) {
    const auto budget = caches_.budgets.Get(key);
    if (budget == nullptr || evaluation->audit) continue;
    for (const auto& row : evaluation->rows) {
      auto made = RowFrom(*row, *budget);
      for (const auto& pool : row->subject->pools) {
        for (const auto& agent : pool.agents)
          downgrades[agent] = std::max(downgrades[agent], row->decision.downgrades);
      }
      rows.insert(made.id);
      gate.Put(made);
      auto id = made.id;
      rows_.insert_or_assign(std::move(id), KnownRow{budget, row->spent_at_least, std::move(made)});
    }
  }
  for (const auto& id : seen.rows) {
    if (rows.contains(id)) continue;
    gate.RemoveRow(id);
    rows_.erase(id);
  }
  seen.rows = std::move(rows);

  for (const auto& agent : seen.agents) gate.RemoveAgent(ns, agent.name);
  for (const auto& pool : seen.pools) gate.RemovePool(ns, pool);
  seen.agents.clear();
  seen.pools.clear();
  for (const auto& pool : pools) {
    if (pool->invalid) continue;
    gate.Put(PoolFrom(*pool));
    seen.pools.push_back(pool->meta.name);
    for (const auto& spec : pool->spec.agents) {
      auto agent = AgentFrom(*pool, spec);
      agent.downgrades = downgrades[spec.name];
      gate.Put(agent);
      seen.agents.push_back(std::move(agent));
    }
  }
}

std::optional<Quantity> LimitsFeed::Booked(const std::string& row) const {
  const auto known = rows_.find(row);
  if (known == rows_.end()) return std::nullopt;
  const auto total = ledger_.Read(row, clock_.Now());
  if (!total) return std::nullopt;
  const auto& spec = known->second.budget->spec;
  return policy::Count(spec, policy::MeasureOf(total->spent, spec),
                       policy::MeasureOf(total->in_doubt, spec), known->second.spent_at_least)
      .spent;
}

const std::vector<gate::Agent>& LimitsFeed::Agents(const std::string& ns) const {
  static const std::vector<gate::Agent> kNone;
  const auto found = seen_.find(ns);
  return found == seen_.end() ? kNone : found->second.agents;
}

std::int32_t LimitsFeed::Pressure(const std::string& ns, const std::string& agent,
                                  const gate::Gate& gate) const {
  std::int32_t pressure = 0;
  const auto seen = seen_.find(ns);
  if (seen == seen_.end()) return 0;
  for (const auto& id : seen->second.rows) {
    const auto& row = rows_.at(id).row;
    const bool covers =
        row.whole_namespace || std::binary_search(row.agents.begin(), row.agents.end(), agent);
    if (!covers || !row.ceiling) continue;
    const auto booked = Booked(id);
    if (booked)
      pressure = std::max(pressure, PercentUsed(*booked + gate.Reserved(id), *row.ceiling));
  }
  return pressure;
}

std::set<std::string> LimitsFeed::Sources(const std::string& ns) const {
  std::set<std::string> sources;
  const auto seen = seen_.find(ns);
  if (seen == seen_.end()) return sources;
  for (const auto& id : seen->second.rows) sources.insert(rows_.at(id).budget->spec.source);
  return sources;
}

}  // namespace purser::admissions
