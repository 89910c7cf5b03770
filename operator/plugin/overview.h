// What there is: pools and budgets at a glance, agents by how fast they spend. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "plugin/table.h"

namespace purser::plugin {

// Arrays of objects as the API server sent them. `ns`: a column of namespaces comes first.
Table PoolTable(const nlohmann::json& pools, bool ns, bool wide);
Table BudgetTable(const nlohmann::json& budgets, bool ns, bool wide);

// One row an agent and budget that tells its spend; those that spend fastest, and then most, first.
// Agents of a pool that no budget tells of come last.
Table AgentTable(const nlohmann::json& pools, const nlohmann::json& budgets, bool ns);

// What waits for somebody's decision, or (`all`) waited once.
Table RequestTable(const nlohmann::json& overrides, const nlohmann::json& corrections, bool ns,
                   bool all);

}  // namespace purser::plugin
