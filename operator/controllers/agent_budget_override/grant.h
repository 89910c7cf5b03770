// What an override comes to: pure functions of it, its budget and the time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "api/agent_budget_override.h"
#include "base/clock.h"
#include "money/quantity.h"

namespace purser::controllers {

struct OverrideOutcome {
  std::string state;   // Requested | Active | Denied | Expired | Failed
  std::string reason;  // of the condition Granted, CamelCase
  std::string message;
  std::optional<Timestamp> until;  // once approved
};

// `budget`: null: there is none of that name. An override that was approved counts from the moment
// of its condition Approved to `until`, in the budget's window then: untilReset is that window's
// end, of a Rolling window its length later, of a Lifetime never.
OverrideOutcome OutcomeOf(const api::AgentBudgetOverride& one, const api::AgentBudget* budget,
                          Timestamp now);

// One that waits for an approval and keeps its agents from being stopped meanwhile.
struct Request {
  std::string name;
  std::string agent;  // "": every subject
  Timestamp until;    // by spec.allowRequests
};

// Those in whose time `now` is.
std::vector<Request> RequestsOf(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now);

// What a budget's status tells of those that count or wait: the first `most` by name.
std::vector<api::OverrideTold> OverridesTold(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now, std::size_t most);

// One that is Active.
struct Grant {
  std::string name;
  std::string agent;  // "": every subject
  bool set = false;   // instead of the limit; else on top of it
  Quantity amount;
  std::optional<Timestamp> until;
  std::string text;  // "on-call: $20 more until …Z (asked by alice, approved by bob): why"
};

std::vector<Grant> GrantsOf(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now);

// The limit in force for a subject: the largest that is set, else `limit`, and all that is added.
Quantity LimitWith(Quantity limit, const std::vector<Grant>& grants, const std::string& subject);

}  // namespace purser::controllers
