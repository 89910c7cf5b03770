// All that is asked of one pool, combined: a pure function of the pool and the
// evaluations that cover it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/agent_pool.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_pool/runaway_board.h"
#include "policy/budget_decision.h"

namespace purser::controllers {

struct AgentDemand {
  std::string name;
  policy::Level level = policy::Level::kNormal;
  std::int32_t maximum = 0;      // when nothing is short
  std::int32_t concurrency = 0;  // allowed now (before any ramp)
  // What is left of the agent's share of the pool when nothing is short:
  // replicas follow it. Never above 1.
  std::int32_t share = 1;
  std::int32_t share_of = 1;
  std::int32_t band = 0;            // of the budget that is spent furthest
  std::string model;                // that it should use; "": its list is empty
  std::int32_t downgrades = 0;      // so many steps down its list
  bool may_relax = true;            // false: a budget that covers it holds what it took
  RowPointer governor;              // the strictest enforcing budget; null: none asks anything
  std::vector<std::string> beside;  // other budgets that ask as much, by name
  bool stopped_by_person = false;   // by spec.stop, and no budget stops it
  bool waits_for_person = false;    // no budget stops it any more, nobody has restored it
  std::string runaway{};            // the evidence, where that asks most
};

struct PoolDemandResult {
  std::vector<AgentDemand> agents;               // in the pool's order
  policy::Level level = policy::Level::kNormal;  // the strongest of the agents
  std::int32_t concurrency = 0;     // of the pool: at most its maximum, at most the agents' sum
  RowPointer governor;              // of the strongest agent; null: none
  std::vector<std::string> beside;  // that agent's
  bool covered = false;             // some enforcing budget covers the pool
  bool audit_only = false;          // only budgets in mode Audit cover it
  bool may_relax = true;
  std::int32_t band = 0;  // the highest of the agents'
};

// "budget a: " and, where others ask as much, "budgets a, b and c are equally strict; a: ".
std::string GovernorText(const Row& governor, const std::vector<std::string>& beside);

PoolDemandResult CombineDemand(const api::AgentPool& pool,
                               const std::vector<EvaluationPointer>& covering,
                               const std::vector<Runaway>& runaways = {});

}  // namespace purser::controllers
