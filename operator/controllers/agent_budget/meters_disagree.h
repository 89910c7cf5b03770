// A source with two meters: what each of them told, and whether they agree.
#pragma once

#include "controllers/agent_budget/report_conditions.h"

namespace purser::controllers {

// status.meters and the condition MetersDisagree; neither where the source has one meter.
void AddMeters(const BudgetReport& report, api::AgentBudgetStatus& status,
               ReportConditions& conditions);

}  // namespace purser::controllers
