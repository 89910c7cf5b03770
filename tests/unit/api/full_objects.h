// Objects in which every field differs from its default.
#pragma once

#include "api/agent_budget.h"
#include "api/agent_pool.h"
#include "api/spend_correction.h"

namespace purser::api {

AgentBudget FullBudget();
AgentPool FullPool();
enum class CorrectionForm { kAmount, kDoubt };
SpendCorrection FullCorrection(CorrectionForm form);

}  // namespace purser::api
