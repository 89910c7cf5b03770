#include "controllers/agent_budget_override/agent_budget_override_controller.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "base/utf8.h"
#include "controllers/agent_budget_override/grant.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {
namespace {

constexpr std::size_t kLongestMessage = 4096;

// The operator's part of the status, for a server-side apply: what the approver wrote stays his.
std::string Document(const api::AgentBudgetOverride& one, const OverrideOutcome& outcome,
                     const std::string& since) {
  nlohmann::ordered_json json;
  json["apiVersion"] = OverrideType().group + "/" + OverrideType().version;
  json["kind"] = OverrideType().kind;
  json["metadata"] = {{"name", one.meta.name}, {"namespace", one.meta.ns}};
  auto& status = json["status"];
  status["observedGeneration"] = one.meta.generation;
  status["state"] = outcome.state;
  if (outcome.until) status["until"] = FormatUtc(*outcome.until);
  status["conditions"] = {{{"type", "Granted"},
                           {"status", outcome.state == "Active" ? "True" : "False"},
                           {"reason", outcome.reason},
                           {"message", CutUtf8(outcome.message, kLongestMessage)},
                           {"lastTransitionTime", since},
                           {"observedGeneration", one.meta.generation}}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Status AgentBudgetOverrideController::Reconcile(const kube::ObjectKey& key) {
  const auto one = on_.caches.overrides.Get(key);
  if (!one || one->meta.deleting) return Ok();
  const kube::ObjectKey budget_key{key.ns, one->spec.budget};
  const auto budget = on_.caches.budgets.Get(budget_key);
  const auto now = on_.clock.Now();
  const auto outcome = OutcomeOf(*one, budget.get(), now);
  if (outcome.until && *outcome.until > now) on_.queue.AddAt(key, *outcome.until);
  const auto* before = FindCondition(one->status.conditions, "Granted");
  const auto until = outcome.until ? FormatUtc(*outcome.until) : std::string();
  if (one->status.state == outcome.state && one->status.until == until && before != nullptr &&
      before->reason == outcome.reason)
    return Ok();
  const bool same = before != nullptr && (before->status == "True") == (outcome.state == "Active");
  const auto answer = on_.client.Apply(
      kube::ObjectPath(OverrideType(), key, "status"),
      Document(*one, outcome, same ? before->last_transition_time : FormatUtc(now)));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return Ok();
    return answer.error();
  }
  ObserveAnswer(on_.caches.overrides, *answer, [](simdjson::dom::element object) {
    return api::DecodeAgentBudgetOverride(object);
  });
  spdlog::info("override={} state={} was={} {}", key.ToString(), outcome.state, one->status.state,
               outcome.message);
  const auto type =
      outcome.state == "Failed" ? kube::EventType::kWarning : kube::EventType::kNormal;
  const auto note = outcome.message + ": " + one->spec.reason;
  on_.events.Record(ReferenceTo(OverrideType(), one->meta), type, outcome.reason, "Override", note);
  if (budget && (outcome.state == "Active" || outcome.state == "Expired")) {
    on_.events.Record(
        ReferenceTo(*budget), kube::EventType::kNormal,
        outcome.state == "Active" ? "OverrideGranted" : "OverrideExpired", "Override",
        "AgentBudgetOverride " + key.name + " approved by " + one->status.approved_by + " " + note);
  }
  if (budget && (outcome.state == "Requested" || outcome.state == "Denied") &&
      one->status.state != outcome.state) {
    const auto asked = one->meta.annotations.find(api::kRequestedBy);
    on_.events.Record(
        ReferenceTo(*budget), kube::EventType::kNormal,
        outcome.state == "Denied" ? "OverrideDenied" : "OverrideRequested", "Override",
        "AgentBudgetOverride " + key.name +
            (asked == one->meta.annotations.end() ? "" : " asked by " + asked->second) + ": " +
            note);
  }
  on_.budget_queue.Add(budget_key, kube::Priority::kHigh);
  return Ok();
}

}  // namespace purser::controllers
