#include "plugin/grants.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/agent_budget_override.h"
#include "api/spend_correction.h"
#include "api/text_form.h"
#include "base/time_text.h"
#include "plugin/field.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

constexpr int kTries = 5;  // when somebody else writes the status at the same time

Result<std::string> EndOf(const std::string& text, Timestamp now) {
  if (const auto at = ParseRfc3339(text)) return FormatUtc(*at);
  if (const auto after = api::ParseDuration(text)) return FormatUtc(now + *after);
  return Error(ErrorCode::kInvalidArgument,
               "--until " + api::Quoted(text) +
                   ": want a time such as 2026-11-27T18:00:00Z, or a duration such as 2h");
}

Result<json> Named(Session& session, const std::string& prefix, const kube::ResourceType& type,
                   json spec) {
  const auto user = session.UserName();
  if (!user) return user.error();
  return session.Create(
      type,
      {{"apiVersion", type.ApiVersion()},
       {"kind", type.kind},
       {"metadata", {{"generateName", prefix}, {"annotations", {{api::kRequestedBy, *user}}}}},
       {"spec", std::move(spec)}});
}

std::string WaitsFor(const json& made, const std::string& kind, const std::string& resource) {
  return resource + ".purser.dev/" + NameOf(made) +
         " waits for approval by somebody else: kubectl purser approve " + kind + "/" +
         NameOf(made) + " -n " + NamespaceOf(made);
}

struct Found {
  const kube::ResourceType* type;
  json object;
};

// The one of this name, of both kinds unless the name says which.
Result<Found> Find(Session& session, const std::string& name) {
  const auto slash = name.find('/');
  const auto kind = slash == std::string::npos ? "" : name.substr(0, slash);
  const auto bare = slash == std::string::npos ? name : name.substr(slash + 1);
  if (!kind.empty() && kind != "override" && kind != "correction") {
    return Error(ErrorCode::kInvalidArgument,
                 api::Quoted(name) + ": want NAME, override/NAME or correction/NAME");
  }
  std::optional<Found> found;
  for (const auto* type : {&Overrides(), &Corrections()}) {
    if (!kind.empty() && (kind == "override") != (type == &Overrides())) continue;
    auto object = session.Get(*type, bare);
    if (!object) {
      if (object.error().code() == ErrorCode::kNotFound) continue;
      return object.error();
    }
    if (found) {
      return Error(ErrorCode::kInvalidArgument, "there is an override and a correction named " +
                                                    api::Quoted(bare) + ": say override/" + bare +
                                                    " or correction/" + bare);
    }
    found = Found{type, std::move(*object)};
  }
  if (found) return std::move(*found);
  return Error(ErrorCode::kNotFound, "nothing in namespace " + session.ns() + " is named " +
                                         api::Quoted(name) + ": kubectl purser requests -n " +
                                         session.ns() + " lists what waits");
}

struct Decision {
  bool approved;
  std::string message;
};

// The conditions with Approved among them; the operator's own stay.
json WithDecision(const json& object, const Decision& decision, Timestamp now) {
  auto conditions = json::array();
  for (const auto& each : ListAt(object, {"status", "conditions"}))
    if (TextAt(each, {"type"}) != "Approved") conditions.push_back(each);
  conditions.push_back({{"type", "Approved"},
                        {"status", decision.approved ? "True" : "False"},
                        {"reason", decision.approved ? "Approved" : "Denied"},
                        {"message", decision.message},
                        {"lastTransitionTime", FormatUtc(now)},
                        {"observedGeneration", NumberAt(object, {"metadata", "generation"})}});
  return conditions;
}

Result<std::string> Decide(Session& session, const std::string& name, const Decision& decision,
                           Timestamp now) {
  const auto user = session.UserName();
  if (!user) return user.error();
  Error last(ErrorCode::kConflict, "");
  for (int i = 0; i < kTries; ++i) {
    const auto found = Find(session, name);
    if (!found) return found.error();
    const auto& object = found->object;
    const auto& before = ConditionOf(object, "Approved");
    if (!before.is_null()) {
      return Error(ErrorCode::kInvalidArgument,
                   found->type->kind + " " + NameOf(object) + " was decided at " +
                       TextAt(before, {"lastTransitionTime"}) +
                       (TextAt(before, {"status"}) == "True" ? ": approved" : ": denied") + " by " +
                       TextAt(object, {"status", "approvedBy"}) +
                       "; delete it, and ask anew, to change that");
    }
    json patch{
        {"metadata", {{"resourceVersion", TextAt(object, {"metadata", "resourceVersion"})}}},
        {"status", {{"conditions", WithDecision(object, decision, now)}, {"approvedBy", *user}}}};
    const auto patched = session.Patch(*found->type, NameOf(object), patch, "status");
    if (patched) {
      return found->type->plural.substr(0, found->type->plural.size() - 1) + ".purser.dev/" +
             NameOf(object) + (decision.approved ? " approved by " : " denied by ") + *user;
    }
    if (patched.error().code() != ErrorCode::kConflict) return patched.error();
    last = patched.error();
  }
  return last;
}

}  // namespace

Result<std::string> Ask(Session& session, const TopUp& asked, Timestamp now) {
  json spec{{"budget", asked.budget}, {"reason", asked.reason}};
  spec[asked.set ? "set" : "add"] = asked.amount;
  if (!asked.agent.empty()) spec["agent"] = asked.agent;
  if (asked.until.empty()) {
    spec["expires"] = {{"untilReset", true}};
  } else {
    const auto end = EndOf(asked.until, now);
    if (!end) return end.error();
    spec["expires"] = {{"at", *end}};
  }
  // A misspelt budget is told at once, not in a status later.
  if (const auto budget = session.Get(Budgets(), asked.budget); !budget) return budget.error();
  const auto made = Named(session, "topup-", Overrides(), std::move(spec));
  if (!made) return made.error();
  return WaitsFor(*made, "override", "agentbudgetoverride");
}

Result<std::string> Correct(Session& session, const Correction& asked, Timestamp now) {
  json spec{{"reason", asked.reason}};
  if (asked.doubt) {
    spec["doubt"] = *asked.doubt;
    spec["decision"] =
        api::ToString(asked.accept ? api::DoubtDecision::kAccept : api::DoubtDecision::kReject);
  } else {
    if (asked.agent.empty() || asked.amount.empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   "want --agent and --amount, or --doubt with --accept or --reject");
    }
    if (!asked.at.empty() && !ParseRfc3339(asked.at)) {
      return Error(ErrorCode::kInvalidArgument,
                   "--at " + api::Quoted(asked.at) + ": want a time such as 2026-11-27T10:15:00Z");
    }
    spec["source"] = asked.source.empty() ? "default" : asked.source;
    spec["agent"] = asked.agent;
    spec["amount"] = asked.amount;
    spec["at"] = asked.at.empty() ? FormatUtc(now) : asked.at;
    if (!asked.model.empty()) spec["model"] = asked.model;
  }
  const auto made = Named(session, "correction-", Corrections(), std::move(spec));
  if (!made) return made.error();
  return WaitsFor(*made, "correction", "spendcorrection");
}

Result<std::string> Approve(Session& session, const std::string& name, Timestamp now) {
  return Decide(session, name, {true, "approved with kubectl purser"}, now);
}

Result<std::string> Deny(Session& session, const std::string& name, const std::string& reason,
                         Timestamp now) {
  return Decide(session, name, {false, reason}, now);
}

}  // namespace purser::plugin
