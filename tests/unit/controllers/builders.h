// Fluent builders for pools, budgets and evaluations.
#pragma once

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
  PoolBuilder& Agent(const std::string& name, std::optional<std::int32_t> maximum = std::nullopt) {
    api::AgentSpec agent;
    agent.name = name;
    agent.workload_ref = {"apps/v1", "Deployment", name};
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

class EvaluationBuilder {
 public:
  EvaluationBuilder(std::string budget, policy::Level level) {
    evaluation_.budget = {"agents", std::move(budget)};
    evaluation_.decision.level = level;
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
    evaluation_.scope.pools.push_back(std::move(covered));
    if (evaluation_.decision.level == policy::Level::kThrottled)
      evaluation_.shares.push_back(std::move(share));
    return *this;
  }
  EvaluationBuilder& Audit() {
    evaluation_.decision.audit = true;
    return *this;
  }
  EvaluationBuilder& Holding() {
    evaluation_.decision.may_relax = false;
    return *this;
  }
  EvaluationPointer Build() const { return std::make_shared<const Evaluation>(evaluation_); }

 private:
  Evaluation evaluation_;
};

}  // namespace purser::controllers
