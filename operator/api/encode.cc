// Structs -> JSON. Writes are rare (a status changes), so a tree is built and printed.
#include <nlohmann/json.hpp>

#include "api/codec.h"
#include "api/resource_root.h"
#include "api/text_form.h"
#include "base/time_text.h"
#include "base/utf8.h"

namespace purser::api {
namespace {

using Json = nlohmann::ordered_json;

// The longest texts the schemas accept in a status: longer ones are cut, as a refused write helps
// nobody.
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestReason = 1024;
constexpr std::size_t kLongestMessage = 4096;

// Also in a text that is not UTF-8 (an answer of somebody else's server) nothing throws.
std::string Print(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void PutText(Json& json, const char* name, const std::string& text,
             std::size_t longest = kLongestName) {
  if (!text.empty()) json[name] = CutUtf8(text, longest);
}

Json ConditionsJson(const std::vector<kube::Condition>& conditions) {
  Json list = Json::array();
  for (const auto& condition : conditions) {
    if (list.size() == static_cast<std::size_t>(kMostConditions)) break;
    Json json;
    json["type"] = condition.type;
    json["status"] = condition.status;
    json["reason"] = condition.reason;
    json["message"] = CutUtf8(condition.message, kLongestMessage);
    json["lastTransitionTime"] = condition.last_transition_time;
    json["observedGeneration"] = condition.observed_generation;
    list.push_back(std::move(json));
  }
  return list;
}

Json WorkloadJson(const WorkloadRef& workload) {
  Json json{{"apiVersion", workload.api_version}, {"kind", workload.kind}, {"name", workload.name}};
  if (workload.toggle) {
    json["switch"] = {{"path", workload.toggle->path},
                      {"stopped", Json::parse(workload.toggle->stopped, nullptr, false)}};
  }
  return json;
}

Json PlaceJson(const LimitPlace& place) {
  if (const auto& field = place.field) {
    return {{"field",
             {{"apiVersion", field->api_version},
              {"kind", field->kind},
              {"name", field->name},
              {"path", field->path}}}};
  }
  if (place.webhook) return {{"webhook", {{"name", place.webhook->name}}}};
  return {{"configMap", {{"name", place.config_map.name}, {"key", place.config_map.key}}}};
}

Json StatusJson(const AgentPoolStatus& status) {
  Json json = Json::object();
  json["observedGeneration"] = status.observed_generation;
  PutText(json, "state", status.state);
  json["agentCount"] = status.agent_count;
  json["maxConcurrency"] = status.max_concurrency;
  PutText(json, "governedBy", status.governed_by);
  PutText(json, "reason", status.reason, kLongestReason);
  Json agents = Json::array();
  for (const auto& agent : status.agents) {
    Json item;
    item["name"] = agent.name;
    PutText(item, "state", agent.state);
    item["concurrency"] = agent.concurrency;
    item["replicas"] = agent.replicas;
    if (agent.saved_replicas) item["savedReplicas"] = *agent.saved_replicas;
    PutText(item, "governedBy", agent.governed_by);
    PutText(item, "reason", agent.reason, kLongestReason);
    item["running"] = agent.running;
    PutText(item, "since", agent.since);
    if (agent.set_replicas) item["setReplicas"] = *agent.set_replicas;
    PutText(item, "savedAt", agent.saved_at);
    PutText(item, "workloadUID", agent.workload_uid);
    if (agent.workload) item["workload"] = WorkloadJson(*agent.workload);
    PutText(item, "savedValue", agent.saved_value);
    for (const auto& taken : agent.workloads) {
      Json one{{"workload", WorkloadJson(taken.workload)},
               {"savedReplicas", taken.saved_replicas},
               {"setReplicas", taken.set_replicas}};
      PutText(one, "uid", taken.uid);
      PutText(one, "savedAt", taken.saved_at);
      PutText(one, "savedValue", taken.saved_value);
      item["workloads"].push_back(std::move(one));
    }
    agents.push_back(std::move(item));
  }
  json["agents"] = std::move(agents);
  if (!status.limit_targets.empty()) {
    Json targets = Json::array();
    for (const auto& target : status.limit_targets) {
      Json item = PlaceJson(target.place());
      PutText(item, "problem", target.problem, kLongestReason);
      PutText(item, "uid", target.uid);
      PutText(item, "before", target.before);
      PutText(item, "set", target.set);
      targets.push_back(std::move(item));
    }
    json["limitTargets"] = std::move(targets);
  }
  for (const auto& one : status.runaway) {
    Json item{{"rule", one.rule}};
    if (!one.agents.empty()) item["agents"] = one.agents;
    PutText(item, "message", one.message, kLongestReason);
    PutText(item, "since", one.since);
    json["runaway"].push_back(std::move(item));
  }
  json["conditions"] = ConditionsJson(status.conditions);
  return json;
}

void PutSubjects(Json& json, const AgentBudgetStatus& status) {
  if (status.subjects.empty()) return;
  Json subjects = Json::array();
  for (const auto& subject : status.subjects) {
    Json item;
    item["name"] = CutUtf8(subject.name, kLongestName);
    item["state"] = subject.state;
    item["limit"] = subject.limit;
    item["spent"] = subject.spent;
    item["percentUsed"] = subject.percent_used;
    PutText(item, "burnPerHour", subject.burn_per_hour);
    PutText(item, "projected", subject.projected);
    PutText(item, "exhaustsAt", subject.exhausts_at);
    PutText(item, "spentAtLeast", subject.spent_at_least);
    if (!subject.holds.empty()) item["holds"] = subject.holds;
    subjects.push_back(std::move(item));
  }
  json["subjects"] = std::move(subjects);
  Json states = Json::array();
  for (const auto& [state, count] : status.states)
    states.push_back({{"state", state}, {"count", count}});
  json["states"] = std::move(states);
  PutText(json, "summary", status.summary);
}

void PutOverrides(Json& json, const AgentBudgetStatus& status) {
  if (status.overrides.empty()) return;
  Json overrides = Json::array();
  for (const auto& one : status.overrides) {
    Json item{{"name", one.name}, {"state", one.state}};
    PutText(item, "agent", one.agent);
    PutText(item, "add", one.add);
    PutText(item, "set", one.set);
    PutText(item, "requestedBy", one.requested_by);
    PutText(item, "approvedBy", one.approved_by);
    PutText(item, "reason", one.reason);
    PutText(item, "until", one.until);
    overrides.push_back(std::move(item));
  }
  json["overrides"] = std::move(overrides);
}

Json StatusJson(const AgentBudgetStatus& status) {
  Json json = Json::object();
  json["observedGeneration"] = status.observed_generation;
  PutText(json, "state", status.state);
  if (!status.window_start.empty() || !status.window_end.empty() || !status.window_length.empty()) {
    Json window;
    PutText(window, "length", status.window_length);
    PutText(window, "exactTo", status.window_exact_to);
    PutText(window, "start", status.window_start);
    PutText(window, "end", status.window_end);
    json["window"] = std::move(window);
  }
  PutText(json, "limit", status.limit);
  PutText(json, "spent", status.spent);
  PutText(json, "remaining", status.remaining);
  if (status.percent_used) json["percentUsed"] = *status.percent_used;
  PutText(json, "resetsAt", status.resets_at);
  PutText(json, "exhaustsAt", status.exhausts_at);
  PutText(json, "burnPerHour", status.burn_per_hour);
  PutText(json, "projected", status.projected);
  PutText(json, "inDoubt", status.in_doubt);
  if (const auto& meters = status.meters) {
    json["meters"] = {{"prometheus", meters->prometheus},
                      {"records", meters->records},
                      {"unexplained", meters->unexplained}};
  }
  PutText(json, "overspendBound", status.overspend_bound);
  if (!status.holds.empty()) json["holds"] = status.holds;
  PutOverrides(json, status);
  PutText(json, "ledger", status.ledger);
  PutText(json, "spentAtLeast", status.spent_at_least);
  Json agents = Json::array();
  for (const auto& agent : status.agents) {
    Json item;
    // Agents are named by spend data here, where a name has no bound.
    item["name"] = CutUtf8(agent.name, kLongestName);
    item["spent"] = agent.spent;
    item["percentUsed"] = agent.percent_used;
    PutText(item, "state", agent.state);
    agents.push_back(std::move(item));
  }
  json["agents"] = std::move(agents);
  json["agentCount"] = status.agent_count;
  PutSubjects(json, status);
  Json history = Json::array();
  for (const auto& window : status.history) {
    history.push_back({{"start", window.start}, {"end", window.end}, {"spent", window.spent}});
  }
  json["history"] = std::move(history);
  json["conditions"] = ConditionsJson(status.conditions);
  return json;
}

Json MetaJson(const kube::ObjectMeta& meta) {
  Json json;
  json["name"] = meta.name;
  PutText(json, "namespace", meta.ns);
  PutText(json, "uid", meta.uid);
  PutText(json, "resourceVersion", meta.resource_version);
  if (meta.generation != 0) json["generation"] = meta.generation;
  if (!meta.finalizers.empty()) json["finalizers"] = meta.finalizers;
  if (!meta.annotations.empty()) json["annotations"] = meta.annotations;
  return json;
}

Json SpecJson(const AgentPoolSpec& spec) {
  Json json;
  Json agents = Json::array();
  for (const auto& agent : spec.agents) {
    Json item;
    item["name"] = agent.name;
    item["workloadRef"] = WorkloadJson(agent.workload_ref);
    if (agent.max_concurrency) item["maxConcurrency"] = *agent.max_concurrency;
    if (!agent.models.empty()) item["models"] = agent.models;
    agents.push_back(std::move(item));
  }
  json["agents"] = std::move(agents);
  if (const auto& selector = spec.agent_selector) {
    auto& item = json["agentSelector"];
    item["matchLabels"] = selector->match_labels;
    item["kinds"] = selector->kinds;
    if (selector->max_concurrency) item["maxConcurrency"] = *selector->max_concurrency;
  }
  json["maxConcurrency"] = spec.max_concurrency;
  json["priority"] = spec.priority;
  json["scaling"] = {
      {"onThrottle", spec.scaling.on_throttle == OnThrottle::kKeep ? "Keep" : "Proportional"},
      {"onStop", spec.scaling.on_stop == OnStop::kKeep ? "Keep" : "Zero"},
      {"minReplicas", spec.scaling.min_replicas},
      {"drainSeconds", spec.scaling.drain_seconds},
      {"restore", spec.scaling.restore == RestoreBy::kManual ? "Manual" : "Automatic"},
      {"runningJobs", spec.scaling.running_jobs == RunningJobs::kFinish ? "Finish" : "Suspend"}};
  if (!spec.stop.reason.empty()) json["stop"] = {{"reason", spec.stop.reason}};
  if (const auto& runaway = spec.runaway) {
    auto& item = json["runaway"] = Json::object();
    if (runaway->calls_per_task) item["callsPerTask"] = *runaway->calls_per_task;
    if (runaway->failed_calls_percent) item["failedCallsPercent"] = *runaway->failed_calls_percent;
    if (runaway->agents) item["agents"] = *runaway->agents;
    item["action"] = runaway->action == RunawayAction::kNotify     ? "Notify"
                     : runaway->action == RunawayAction::kThrottle ? "Throttle"
                                                                   : "Stop";
  }
  if (!spec.limit_targets.empty()) {
    Json targets = Json::array();
    for (const auto& target : spec.limit_targets) {
      Json item = PlaceJson(target.place());
      if (target.valid_seconds) item["validSeconds"] = *target.valid_seconds;
      targets.push_back(std::move(item));
    }
    json["limitTargets"] = std::move(targets);
  }
  return json;
}

Json SpecJson(const AgentBudgetSpec& spec) {
  Json json;
  json["limit"] = ToDecimal(spec.limit, spec.unit);
  json["unit"] = ToString(spec.unit);
  if (spec.unit == Unit::kTokens || !(spec.tokens == TokensSpec()))
    json["tokens"] = {{"kind", ToString(spec.tokens.kind)},
                      {"cached", ToString(spec.tokens.cached)}};
  const auto& window = spec.window;
  json["window"] = {
      {"type", ToString(window.type)},
      {"period", window.type == WindowType::kRolling ? DurationText(window.length)
                                                     : std::string(ToString(window.period))},
      {"timeZone", window.time_zone},
      {"weekStart", ToString(window.week_start)}};
  if (window.since) json["window"]["since"] = FormatUtc(*window.since);
  Json scope;
  if (!spec.scope.models.empty()) scope["models"] = spec.scope.models;
  if (!spec.scope.tasks.empty()) scope["tasks"] = spec.scope.tasks;
  if (!spec.scope.workflows.empty()) scope["workflows"] = spec.scope.workflows;
  if (!spec.scope.pools.empty()) scope["pools"] = spec.scope.pools;
  if (!spec.scope.agents.empty()) scope["agents"] = spec.scope.agents;
  scope["per"] = ToString(spec.scope.per);
  json["scope"] = std::move(scope);
  if (!spec.limits.empty()) {
    Json limits = Json::array();
    for (const auto& one : spec.limits)
      limits.push_back({{"agent", one.agent}, {"limit", ToDecimal(one.limit, spec.unit)}});
    json["limits"] = std::move(limits);
  }
  Json thresholds = Json::array();
  for (const auto& threshold : spec.thresholds) {
    thresholds.push_back({{"percent", threshold.percent}, {"action", ToString(threshold.action)}});
  }
  json["thresholds"] = std::move(thresholds);
  Json rules = Json::array();
  for (const auto& rule : spec.burn_rates) {
    Json item = {{"name", rule.name},
                 {"percent", rule.percent},
                 {"within", DurationText(rule.within)},
                 {"action", ToString(rule.action)}};
    if (rule.confirm_within != Duration::zero())
      item["confirmWithin"] = DurationText(rule.confirm_within);
    if (rule.floor) item["floor"] = ToDecimal(*rule.floor, spec.unit);
    rules.push_back(std::move(item));
  }
  json["burnRates"] = std::move(rules);
  if (spec.allow_requests.up_to > Quantity())
    json["allowRequests"] = {{"graceSeconds", spec.allow_requests.grace_seconds},
                             {"upTo", ToDecimal(spec.allow_requests.up_to, spec.unit)}};
  json["source"] = spec.source;
  json["onSourceLoss"] = {{"action", ToString(spec.on_source_loss.action)},
                          {"afterSeconds", spec.on_source_loss.after_seconds}};
  json["onUnpriced"] = ToString(spec.on_unpriced);
  json["onDoubt"] = ToString(spec.on_doubt);
  json["mode"] = spec.mode == Mode::kAudit ? "Audit" : "Enforce";
  json["stopPolicy"] = "AtCeiling";
  return json;
}

Json StatusJson(const SpendCorrectionStatus& status) {
  Json json = Json::object();
  json["observedGeneration"] = status.observed_generation;
  PutText(json, "state", status.state);
  PutText(json, "approvedBy", status.approved_by, kLongestReason);
  if (status.entry != 0) json["entry"] = status.entry;
  PutText(json, "booked", status.booked);
  json["conditions"] = ConditionsJson(status.conditions);
  return json;
}

Json SpecJson(const SpendCorrectionSpec& spec) {
  Json json;
  if (!spec.source.empty()) json["source"] = spec.source;
  if (!spec.agent.empty()) json["agent"] = spec.agent;
  if (!spec.model.empty()) json["model"] = spec.model;
  if (spec.doubt == 0) {
    json["amount"] = spec.amount.ToDecimal();
    json["at"] = FormatUtc(spec.at);
  } else {
    json["doubt"] = spec.doubt;
    json["decision"] = ToString(spec.decision);
  }
  json["reason"] = spec.reason;
  return json;
}

template <typename Object>
std::string Encode(const Object& object, const char* kind) {
  Json json;
  json["apiVersion"] = kApiVersion;
  json["kind"] = kind;
  json["metadata"] = MetaJson(object.meta);
  json["spec"] = SpecJson(object.spec);
  json["status"] = StatusJson(object.status);
  return Print(json);
}

}  // namespace

std::string EncodeAgentPool(const AgentPool& pool) { return Encode(pool, "AgentPool"); }
std::string EncodeAgentBudget(const AgentBudget& budget) { return Encode(budget, "AgentBudget"); }
std::string EncodeSpendCorrection(const SpendCorrection& correction) {
  return Encode(correction, "SpendCorrection");
}
std::string EncodeStatus(const SpendCorrectionStatus& status) { return Print(StatusJson(status)); }
std::string EncodeStatus(const AgentPoolStatus& status) { return Print(StatusJson(status)); }
std::string EncodeStatus(const AgentBudgetStatus& status) { return Print(StatusJson(status)); }

}  // namespace purser::api
