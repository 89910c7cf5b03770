// Fluent builders for pools, budgets and evaluations.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "controllers/agent_budget/evaluation.h"

namespace purser::controllers {

class PoolBuilder {
 public:
  explicit PoolBuilder(std::string name) {
    pool_.meta.ns = "agents";
    pool_.meta.name = std::move(name);
    pool_.meta.uid = "uid-" + pool_.meta.name;
    pool_.meta.generation = 1;
    pool_.spec.max_concurrency = 20;
  }
  // `workload`: "": called as the agent.
  PoolBuilder& Agent(const std::string& name, std::optional<std::int32_t> maximum = std::nullopt,
                     const std::string& workload = "") {
    api::AgentSpec agent;
    agent.name = name;
    agent.workload_ref = {"apps/v1", "Deployment", workload.empty() ? name : workload};
    agent.max_concurrency = maximum;
    pool_.spec.agents.push_back(std::move(agent));
    return *this;
  }
  PoolBuilder& Maximum(std::int32_t maximum) {
    pool_.spec.max_concurrency = maximum;
    return *this;
  }
  PoolBuilder& Invalid(std::string why) {
    pool_.invalid = std::move(why);
    return *this;
  }
  api::AgentPool Build() const { return pool_; }
  PoolPointer Share() const { return std::make_shared<const api::AgentPool>(pool_); }

 private:
  api::AgentPool pool_;
};

// With a subject for each Over whose budget is per Agent or Pool, else with one for all.
class EvaluationBuilder {
 public:
  EvaluationBuilder(std::string budget, policy::Level level) {
    evaluation_.budget = {"agents", std::move(budget)};
    row_.budget = evaluation_.budget;
    row_.decision.level = level;
  }
  EvaluationBuilder& Over(const api::AgentPool& pool, std::vector<std::string> agents,
                          policy::PoolShare share = {}) {
    CoveredPool covered;
    covered.key = pool.meta.key();
    covered.generation = pool.meta.generation;
    covered.priority = pool.spec.priority;
    covered.maximum = pool.spec.max_concurrency;
    covered.agents = std::move(agents);
    covered.agent_maxima.assign(covered.agents.size(), pool.spec.max_concurrency);
    subject_.pools.push_back(covered);
    scope_.pools.push_back(std::move(covered));
    if (row_.decision.level == policy::Level::kThrottled) row_.shares.push_back(std::move(share));
    return *this;
  }
  // What was said until now is of the subject `name`; what follows is of another one.
  EvaluationBuilder& Row(std::string name, policy::Level next) {
    subject_.name = std::move(name);
    Finish();
    row_.decision.level = next;
    return *this;
  }
  EvaluationBuilder& Audit() {
    evaluation_.audit = true;
    return *this;
  }
  EvaluationBuilder& Holding() {
    evaluation_.may_relax = false;
    return *this;
  }
  EvaluationPointer Build() {
    if (!subject_.pools.empty()) Finish();
    std::sort(scope_.pools.begin(), scope_.pools.end(),
              [](const CoveredPool& a, const CoveredPool& b) { return a.key < b.key; });
    evaluation_.scope = std::make_shared<const ResolvedScope>(scope_);
    return std::make_shared<const Evaluation>(evaluation_);
  }

 private:
  void Finish() {
    row_.subject = std::make_shared<const Subject>(std::exchange(subject_, {}));
    evaluation_.rows.push_back(std::make_shared<const controllers::Row>(row_));
    row_.shares.clear();
  }

  Evaluation evaluation_;
  controllers::Row row_;
  Subject subject_;
  ResolvedScope scope_;
};

}  // namespace purser::controllers
