// Rows, agents and questions in a line each, and books that a test writes by hand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/gate.h"

namespace purser::gate {

inline constexpr Timestamp kNoon{std::chrono::hours(24 * 365 * 50 + 12)};

// In whole nano-dollars, so that small worlds count on their fingers.
inline Amounts Cost(std::int64_t nanos) { return {.cost = Money::FromNanos(nanos), .calls = 1}; }

class HandBooks final : public Books {
 public:
  std::optional<Quantity> Booked(const std::string& row) const override {
    if (unknown.contains(row)) return std::nullopt;
    const auto found = booked.find(row);
    return found == booked.end() ? Quantity() : found->second;
  }
  std::map<std::string, Quantity> booked;
  std::map<std::string, bool> unknown;
};

inline Row RowOf(std::string budget, std::int64_t ceiling, std::vector<std::string> agents = {}) {
  Row row;
  row.id = "team/" + budget;
  row.ns = "team";
  row.budget = row.id;
  row.whole_namespace = agents.empty();
  row.agents = std::move(agents);
  row.ceiling = Quantity::Of(ceiling);
  row.resets_at = kNoon + std::chrono::hours(12);
  return row;
}

inline Agent AgentOf(std::string name, std::int32_t concurrency = 100, std::string pool = "pool") {
  Agent agent;
  agent.ns = "team";
  agent.name = std::move(name);
  agent.pool = std::move(pool);
  agent.concurrency = concurrency;
  return agent;
}

inline Pool PoolOf(std::string name, std::int32_t concurrency, std::int32_t priority = 0) {
  return {.ns = "team", .name = std::move(name), .concurrency = concurrency, .priority = priority};
}

inline Request Call(std::string agent, std::string key, std::int64_t nanos, std::string task = "") {
  Request request;
  request.id = "id-" + key;
  request.key = std::move(key);
  request.ns = "team";
  request.agent = std::move(agent);
  request.task = std::move(task);
  request.estimate = Cost(nanos);
  request.lives = std::chrono::minutes(1);
  return request;
}

}  // namespace purser::gate
