// Objects in which every field differs from its default.
#pragma once

#include "api/agent_budget.h"
#include "api/agent_pool.h"

namespace purser::api {

AgentBudget FullBudget();
AgentPool FullPool();

}  // namespace purser::api
