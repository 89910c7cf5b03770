#include "controllers/agent_budget_override/grant.h"

#include <algorithm>

#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/conditions.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kLongestReason = 300;  // as told on the budget

const std::string& AmountOf(const api::AgentBudgetOverrideSpec& spec) {
  return spec.add.empty() ? spec.set : spec.add;
}

// When it was approved: as the approver says, else when it was made.
Timestamp ApprovedAt(const api::AgentBudgetOverride& one) {
  const auto told = TransitionTime(one.status.conditions, "Approved");
  return told ? *told : one.created.value_or(Timestamp());
}

std::optional<Timestamp> UntilOf(const api::AgentBudgetOverride& one,
                                 const api::AgentBudget& budget) {
  if (one.spec.at) return one.spec.at;
  const auto approved = ApprovedAt(one);
  const auto& window = budget.spec.window;
  if (window.type == api::WindowType::kLifetime) return std::nullopt;
  if (window.type == api::WindowType::kRolling) return approved + window.length;
  const auto at = policy::WindowAt(approved, window);
  return at ? std::optional(at->end) : std::optional(approved);
}

OverrideOutcome Failed(std::string reason, std::string message) {
  return {"Failed", std::move(reason), std::move(message), std::nullopt};
}

}  // namespace

OverrideOutcome OutcomeOf(const api::AgentBudgetOverride& one, const api::AgentBudget* budget,
                          Timestamp now) {
  if (one.invalid) return Failed("InvalidSpec", *one.invalid);
  const auto& spec = one.spec;
  if (budget == nullptr) {
    return Failed("BudgetNotFound", "spec.budget: no AgentBudget named " + spec.budget +
                                        " in namespace " + one.meta.ns);
  }
  const auto unit = budget->spec.unit;
  if (const auto amount = ParseQuantity(AmountOf(spec), unit); !amount)
    return Failed("NotInItsUnit", std::string(spec.add.empty() ? "spec.set: " : "spec.add: ") +
                                      amount.error().message());
  if (!spec.agent.empty() && budget->spec.scope.per != api::Per::kAgent) {
    return Failed("NotPerAgent",
                  "spec.agent: no agent of budget " + spec.budget +
                      " has a limit of its own; remove it, or make the budget per: Agent");
  }
  const auto* approved = FindCondition(one.status.conditions, "Approved");
  const auto grace_until =
      one.created.value_or(now) + std::chrono::seconds(budget->spec.allow_requests.grace_seconds);
  const auto up_to = budget->spec.allow_requests.up_to;
  if ((approved == nullptr || approved->status == "Unknown") && up_to > Quantity() &&
      now < grace_until) {
    return {"Requested", "InGrace",
            "agents are throttled rather than stopped until " + FormatUtc(grace_until) + ", or " +
                ToText(up_to, unit) +
                " beyond the limit; waits for somebody with the right on "
                "agentbudgetoverrides/status to set the condition Approved to True and approvedBy "
                "to his own name",
            grace_until};
  }
  if (approved == nullptr || approved->status == "Unknown") {
    return {"Requested", "NotApproved",
            "waits for somebody with the right on agentbudgetoverrides/status to set the condition "
            "Approved to True and approvedBy to his own name",
            std::nullopt};
  }
  if (approved->status != "True")
    return {"Denied", "Denied", "the condition Approved is False: the limit stays", std::nullopt};
  if (one.status.approved_by.empty()) {
    return {"Requested", "NoApprover",
            "status.approvedBy is empty; set it to the name that `kubectl auth whoami` prints",
            std::nullopt};
  }
  const auto until = UntilOf(one, *budget);
  if (until && *until <= now)
    return {"Expired", "Expired", "it counted until " + FormatUtc(*until), until};
  return {"Active", "Granted",
          "counts until " + (until ? FormatUtc(*until) : std::string("it is deleted")), until};
}

std::vector<Grant> GrantsOf(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now) {
  std::vector<Grant> grants;
  for (const auto& one : overrides) {
    if (one->meta.deleting) continue;
    const auto outcome = OutcomeOf(*one, &budget, now);
    if (outcome.state != "Active") continue;
    const auto& spec = one->spec;
    Grant grant{one->meta.name,   spec.agent,
                spec.add.empty(), *ParseQuantity(AmountOf(spec), budget.spec.unit),
                outcome.until,    one->meta.name};
    grant.text += ": " + ToText(grant.amount, budget.spec.unit) +
                  (grant.set ? " instead of the limit" : " more") +
                  (spec.agent.empty() ? "" : " for " + spec.agent) +
                  (grant.until ? " until " + FormatUtc(*grant.until) : "");
    const auto asked = one->meta.annotations.find(api::kRequestedBy);
    grant.text += " (";
    if (asked != one->meta.annotations.end()) grant.text += "asked by " + asked->second + ", ";
    grant.text += "approved by " + one->status.approved_by + "): ";
    grant.text += CutUtf8(spec.reason, kLongestReason);
    grants.push_back(std::move(grant));
  }
  std::sort(grants.begin(), grants.end(),
            [](const Grant& a, const Grant& b) { return a.name < b.name; });
  return grants;
}

std::vector<Request> RequestsOf(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now) {
  std::vector<Request> requests;
  if (budget.spec.allow_requests.up_to <= Quantity()) return requests;
  for (const auto& one : overrides) {
    if (one->meta.deleting) continue;
    const auto outcome = OutcomeOf(*one, &budget, now);
    if (outcome.reason == "InGrace")
      requests.push_back({one->meta.name, one->spec.agent, *outcome.until});
  }
  std::sort(requests.begin(), requests.end(),
            [](const Request& a, const Request& b) { return a.name < b.name; });
  return requests;
}

std::vector<api::OverrideTold> OverridesTold(
    const std::vector<std::shared_ptr<const api::AgentBudgetOverride>>& overrides,
    const api::AgentBudget& budget, Timestamp now, std::size_t most) {
  constexpr std::size_t kLongestName = 256;
  std::vector<api::OverrideTold> told;
  for (const auto& one : overrides) {
    if (one->meta.deleting) continue;
    const auto outcome = OutcomeOf(*one, &budget, now);
    if (outcome.state != "Active" && outcome.state != "Requested") continue;
    const auto& spec = one->spec;
    const auto asked = one->meta.annotations.find(api::kRequestedBy);
    told.push_back({one->meta.name, spec.agent, outcome.state, spec.add, spec.set,
                    std::string(CutUtf8(asked == one->meta.annotations.end() ? "" : asked->second,
                                        kLongestName)),
                    std::string(CutUtf8(one->status.approved_by, kLongestName)),
                    std::string(CutUtf8(spec.reason, kLongestReason)),
                    outcome.until ? FormatUtc(*outcome.until) : ""});
  }
  std::sort(told.begin(), told.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (told.size() > most) told.resize(most);
  return told;
}

Quantity LimitWith(Quantity limit, const std::vector<Grant>& grants, const std::string& subject) {
  std::optional<Quantity> instead;
  Quantity added;
  for (const auto& grant : grants) {
    if (!grant.agent.empty() && grant.agent != subject) continue;
    if (grant.set) {
      instead = std::max(instead.value_or(Quantity()), grant.amount);
    } else {
      added += grant.amount;
    }
  }
  return instead.value_or(limit) + added;
}

}  // namespace purser::controllers
