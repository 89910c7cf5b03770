// Why it is as it is, in sentences: spend -> budget -> threshold -> decision -> what was done ->
// the way out. Says only what the statuses say. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::plugin {

// `budgets`, `pools`: all of the namespace, as the API server sent them.
std::string ExplainBudget(const nlohmann::json& budget, const nlohmann::json& pools);
std::string ExplainPool(const nlohmann::json& pool, const nlohmann::json& budgets);
// kNotFound, with the names there are, when no pool has the agent.
Result<std::string> ExplainAgent(std::string_view agent, const nlohmann::json& pools,
                                 const nlohmann::json& budgets);

}  // namespace purser::plugin
