// A subject's row as its total in the ledger is now.
#pragma once

#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_budget/held_rows.h"
#include "controllers/agent_budget_override/grant.h"
#include "ledger/ledger.h"
#include "ledger/source_health.h"
#include "policy/sight.h"

namespace purser::controllers {

policy::SourceState ToSourceState(const ledger::SourceHealth& health);

// Thread-safe as far as the rows of one budget are made by one thread at a time. What its arguments
// refer to must outlive it.
class RowMaker {
 public:
  RowMaker(ledger::Ledger& ledger, std::string ledger_id, HeldRows& held);

  struct Question {
    const api::AgentBudget& budget;
    const Evaluation& evaluation;  // that it becomes part of
    const Evaluation* before;      // null: nothing was decided in this life
    const ledger::SourceHealth& health;
    const std::vector<Grant>& grants;
    const std::vector<Request>& requests;
    Timestamp now;
  };
  // Tracks the total, and notes what is held. It waits for the disk where the total has to be
  // loaded or a rule looks back for more than an hour. Error: the ledger's, worded as it is to be
  // told.
  Result<RowPointer> Of(const Question& of, const SubjectPointer& subject);

 private:
  ledger::Ledger& ledger_;
  const std::string ledger_id_;
  HeldRows& held_;
};

}  // namespace purser::controllers
