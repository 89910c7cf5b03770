// Sets conditions of the status that a report comes to.
#pragma once

#include <string>

#include "api/agent_budget.h"
#include "controllers/agent_budget/budget_status.h"
#include "controllers/conditions.h"

namespace purser::controllers {

// Lives no longer than the report and the status.
class ReportConditions {
 public:
  ReportConditions(const BudgetReport& report, api::AgentBudgetStatus& status)
      : report_(report), status_(status) {}
  void Set(const char* type, bool value, const std::string& reason, const std::string& message) {
    SetCondition(status_.conditions, type, value, reason, message, report_.budget.meta.generation,
                 report_.now);
  }

 private:
  const BudgetReport& report_;
  api::AgentBudgetStatus& status_;
};

}  // namespace purser::controllers
