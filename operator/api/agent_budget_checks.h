// What must hold between the fields of an AgentBudget. Inside api/ only.
#pragma once

#include <simdjson.h>

#include <vector>

#include "api/agent_budget.h"
#include "api/field_reader.h"

namespace purser::api {

void CheckScope(ReadContext& context, const ScopeSpec& scope);
void CheckLimits(ReadContext& context, const AgentBudgetSpec& spec);
// Sorts by percent. Problems are told by position as written.
void CheckThresholds(ReadContext& context, std::vector<Threshold>& thresholds);
// `spec`: as written, for what is not kept.
void CheckWindow(ReadContext& context, simdjson::dom::element spec, const WindowSpec& window);
void CheckBurnRates(ReadContext& context, const std::vector<BurnRate>& rules);
// What is written in the budget's unit: limit, limits[].limit and burnRates[].floor.
void ReadQuantities(ReadContext& context, simdjson::dom::element spec, AgentBudgetSpec& into);

}  // namespace purser::api
