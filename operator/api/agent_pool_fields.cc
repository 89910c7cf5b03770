// The fields of an AgentPool, and what must hold between them.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "api/field_kinds.h"
#include "api/resource_root.h"

namespace purser::api {
namespace {

// Bounds of crds/purser.dev_agentpools.yaml; a test compares them.
constexpr std::int64_t kMostAgents = 256;
constexpr std::int64_t kMostConcurrency = 100'000;
constexpr std::int64_t kMostPriority = 1'000'000;
constexpr std::int64_t kMostReplicas = 100'000;
constexpr std::int64_t kMostDrainSeconds = 86'400;
constexpr std::int64_t kMostTargets = 8;
constexpr std::int64_t kLargest = 2'147'483'647;

constexpr std::array kOnThrottle = {Choice<OnThrottle>{"Proportional", OnThrottle::kProportional},
                                    Choice<OnThrottle>{"Keep", OnThrottle::kKeep}};
constexpr std::array kOnStop = {Choice<OnStop>{"Zero", OnStop::kZero},
                                Choice<OnStop>{"Keep", OnStop::kKeep}};

constexpr std::size_t kLongestStopReason = 256;

std::string StopReason(std::string_view text) {
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;  // not within a character of UTF-8
  });
  const bool fine = characters > 0 && characters <= static_cast<std::ptrdiff_t>(kLongestStopReason);
  return fine ? "" : "want 1 to 256 characters, such as \"prompt injection\"";
}

constexpr std::array kRestoreBy = {Choice<RestoreBy>{"Automatic", RestoreBy::kAutomatic},
                                   Choice<RestoreBy>{"Manual", RestoreBy::kManual}};

constexpr std::array kRunningJobs = {
    Choice<RunningJobs>{"Suspend", RunningJobs::kSuspend},
    Choice<RunningJobs>{"Finish", RunningJobs::kFinish},
};

constexpr std::array kSwitch = {
    Required(TextField<&SwitchSpec::path>("path", &FieldPointer),
             "the field that stops it, such as /spec/suspend"),
    Required(ScalarField<&SwitchSpec::stopped>("stopped"), "its value when stopped, such as true"),
};

constexpr std::array kWorkloadRef = {
    TextField<&WorkloadRef::api_version>("apiVersion", &ApiVersionName),
    Required(TextField<&WorkloadRef::kind>("kind", &KindName), "Deployment, for example"),
    Required(TextField<&WorkloadRef::name>("name", &DnsSubdomain), "the workload's name"),
    OptionalObjectField<&WorkloadRef::toggle, kSwitch>("switch"),
};

constexpr std::int64_t kMostModels = 16;

constexpr std::array kAgent = {
    Required(TextField<&AgentSpec::name>("name", &AgentName),
             "the value of the agent label in the spend data"),
    Required(ObjectField<&AgentSpec::workload_ref, kWorkloadRef>("workloadRef"),
             "the agent's workload, such as {kind: Deployment, name: researcher}"),
    IntegerField<&AgentSpec::max_concurrency>("maxConcurrency", 1, kMostConcurrency),
    Refused<AgentSpec>("tasks", "remove it: agents are not routed to by task"),
    TextListField<&AgentSpec::models>("models", &AgentName, kMostModels),
};

constexpr std::array kScaling = {
    ChoiceField<&ScalingSpec::on_throttle, kOnThrottle>("onThrottle"),
    ChoiceField<&ScalingSpec::on_stop, kOnStop>("onStop"),
    IntegerField<&ScalingSpec::min_replicas>("minReplicas", 0, kMostReplicas),
    IntegerField<&ScalingSpec::drain_seconds>("drainSeconds", 0, kMostDrainSeconds),
    ChoiceField<&ScalingSpec::restore, kRestoreBy>("restore"),
    ChoiceField<&ScalingSpec::running_jobs, kRunningJobs>("runningJobs"),
};

constexpr std::array kStop = {
    Required(TextField<&PoolStop::reason>("reason", &StopReason),
             "why the pool is stopped, for those who find it so"),
};

constexpr std::array kConfigMap = {
    Required(TextField<&ConfigMapTarget::name>("name", &DnsSubdomain), "the ConfigMap's name"),
    TextField<&ConfigMapTarget::key>("key", &ConfigMapKey),
};

constexpr std::int64_t kLeastValidSeconds = 30;
constexpr std::int64_t kMostValidSeconds = 86'400;

constexpr std::array kField = {
    Required(TextField<&FieldTarget::api_version>("apiVersion", &ApiVersionName),
             "that of the object, such as keda.sh/v1alpha1"),
    Required(TextField<&FieldTarget::kind>("kind", &KindName), "ScaledObject, for example"),
    Required(TextField<&FieldTarget::name>("name", &DnsSubdomain), "the object's name"),
    Required(TextField<&FieldTarget::path>("path", &FieldPointer),
             "the number to lower, such as /spec/maxReplicaCount"),
};

constexpr std::array kWebhook = {
    Required(TextField<&WebhookTarget::name>("name", &DnsLabel),
             "that of a webhook of the operator's configuration"),
};

constexpr std::array kLimitTarget = {
    ObjectField<&LimitTarget::config_map, kConfigMap>("configMap"),
    OptionalObjectField<&LimitTarget::field, kField>("field"),
    OptionalObjectField<&LimitTarget::webhook, kWebhook>("webhook"),
    IntegerField<&LimitTarget::valid_seconds>("validSeconds", kLeastValidSeconds,
                                              kMostValidSeconds),
};

constexpr std::int64_t kMostMatchLabels = 16;

std::string SelectableKind(std::string_view text) {
  const auto& kinds = SelectableKinds();
  return std::find(kinds.begin(), kinds.end(), text) != kinds.end()
             ? ""
             : "want Deployment, StatefulSet, Job or CronJob; others are named in spec.agents";
}

constexpr std::array kSelector = {
    Required(TextMapField<&AgentSelector::match_labels>("matchLabels", &LabelKey, &LabelText,
                                                        kMostMatchLabels),
             "labels that the workloads have, such as {purser.dev/pool: research}"),
    TextListField<&AgentSelector::kinds>("kinds", &SelectableKind,
                                         static_cast<std::int64_t>(kMostSelectableKinds)),
    IntegerField<&AgentSelector::max_concurrency>("maxConcurrency", 1, kMostConcurrency),
};

constexpr std::int64_t kMostCallsPerTask = 1'000'000;
constexpr std::int64_t kMostRunawayAgents = 100'000;

constexpr std::array kRunawayActions = {
    Choice<RunawayAction>{"Notify", RunawayAction::kNotify},
    Choice<RunawayAction>{"Throttle", RunawayAction::kThrottle},
    Choice<RunawayAction>{"Stop", RunawayAction::kStop},
};

constexpr std::array kRunaway = {
    IntegerField<&RunawaySpec::calls_per_task>("callsPerTask", 1, kMostCallsPerTask),
    IntegerField<&RunawaySpec::failed_calls_percent>("failedCallsPercent", 1, 100),
    IntegerField<&RunawaySpec::agents>("agents", 1, kMostRunawayAgents),
    ChoiceField<&RunawaySpec::action, kRunawayActions>("action"),
};

constexpr std::array kSpec = {
    ObjectListField<&AgentPoolSpec::agents, kAgent>("agents", kMostAgents),
    OptionalObjectField<&AgentPoolSpec::agent_selector, kSelector>("agentSelector"),
    Required(IntegerField<&AgentPoolSpec::max_concurrency>("maxConcurrency", 1, kMostConcurrency),
             "the most concurrent model requests of all agents of the pool"),
    IntegerField<&AgentPoolSpec::priority>("priority", -kMostPriority, kMostPriority),
    ObjectField<&AgentPoolSpec::scaling, kScaling>("scaling"),
    ObjectListField<&AgentPoolSpec::limit_targets, kLimitTarget>("limitTargets", kMostTargets),
    ObjectField<&AgentPoolSpec::stop, kStop>("stop"),
    OptionalObjectField<&AgentPoolSpec::runaway, kRunaway>("runaway"),
};

constexpr std::int64_t kMostTaken = 256;

constexpr std::array kTaken = {
    ObjectField<&TakenWorkload::workload, kWorkloadRef>("workload"),
    TextField<&TakenWorkload::uid>("uid"),
    IntegerField<&TakenWorkload::saved_replicas>("savedReplicas", 0, kLargest),
    IntegerField<&TakenWorkload::set_replicas>("setReplicas", 0, kLargest),
    TextField<&TakenWorkload::saved_at>("savedAt"),
    TextField<&TakenWorkload::saved_value>("savedValue"),
};

constexpr std::array kAgentStatus = {
    TextField<&AgentPoolAgentStatus::name>("name"),
    TextField<&AgentPoolAgentStatus::state>("state"),
    IntegerField<&AgentPoolAgentStatus::concurrency>("concurrency", 0, kLargest),
    IntegerField<&AgentPoolAgentStatus::replicas>("replicas", 0, kLargest),
    IntegerField<&AgentPoolAgentStatus::saved_replicas>("savedReplicas", 0, kLargest),
    TextField<&AgentPoolAgentStatus::governed_by>("governedBy"),
    TextField<&AgentPoolAgentStatus::reason>("reason"),
    IntegerField<&AgentPoolAgentStatus::running>("running", 0, INT64_MAX),
    TextField<&AgentPoolAgentStatus::since>("since"),
    IntegerField<&AgentPoolAgentStatus::set_replicas>("setReplicas", 0, kLargest),
    TextField<&AgentPoolAgentStatus::saved_at>("savedAt"),
    TextField<&AgentPoolAgentStatus::workload_uid>("workloadUID"),
    OptionalObjectField<&AgentPoolAgentStatus::workload, kWorkloadRef>("workload"),
    TextField<&AgentPoolAgentStatus::saved_value>("savedValue"),
    ObjectListField<&AgentPoolAgentStatus::workloads, kTaken>("workloads", kMostTaken),
    Refused<AgentPoolAgentStatus>("model", "nothing writes it"),
};

// Also targets that are none any more, until the limits there are restored.
constexpr std::int64_t kMostTargetStatuses = 64;

constexpr std::array kTargetStatus = {
    ObjectField<&LimitTargetStatus::config_map, kConfigMap>("configMap"),
    OptionalObjectField<&LimitTargetStatus::field, kField>("field"),
    OptionalObjectField<&LimitTargetStatus::webhook, kWebhook>("webhook"),
    TextField<&LimitTargetStatus::problem>("problem"),
    TextField<&LimitTargetStatus::uid>("uid"),
    TextField<&LimitTargetStatus::before>("before"),
    TextField<&LimitTargetStatus::set>("set"),
};

constexpr std::int64_t kMostRules = 8;

constexpr std::array kRunawayStatus = {
    TextField<&RunawayStatus::rule>("rule"),
    TextListField<&RunawayStatus::agents>("agents", &AgentName, kMostAgents),
    TextField<&RunawayStatus::message>("message"),
    TextField<&RunawayStatus::since>("since"),
};

constexpr std::array kStatus = {
    IntegerField<&AgentPoolStatus::observed_generation>("observedGeneration", 0, INT64_MAX),
    TextField<&AgentPoolStatus::state>("state"),
    IntegerField<&AgentPoolStatus::agent_count>("agentCount", 0, kLargest),
    IntegerField<&AgentPoolStatus::max_concurrency>("maxConcurrency", 0, kLargest),
    TextField<&AgentPoolStatus::governed_by>("governedBy"),
    TextField<&AgentPoolStatus::reason>("reason"),
    ObjectListField<&AgentPoolStatus::agents, kAgentStatus>("agents", kMostAgents),
    ObjectListField<&AgentPoolStatus::limit_targets, kTargetStatus>("limitTargets",
                                                                    kMostTargetStatuses),
    ObjectListField<&AgentPoolStatus::runaway, kRunawayStatus>("runaway", kMostRules),
    ObjectListField<&AgentPoolStatus::conditions, kConditionFields>("conditions", kMostConditions),
};

// Groups that come with Kubernetes, and their kinds that can be stopped.
struct KnownGroup {
  std::string_view api_version;
  std::string_view group;  // with its slash; of the core: the version
  std::array<std::string_view, 3> kinds;
  std::string_view way_out;
};
constexpr std::array kKnownGroups = {
    KnownGroup{"apps/v1",
               "apps/",
               {"Deployment", "StatefulSet", "ReplicaSet"},
               "use a Deployment, StatefulSet or ReplicaSet, or give the apiVersion of another"},
    KnownGroup{"batch/v1", "batch/", {"Job", "CronJob"}, "use a Job or CronJob"},
    KnownGroup{"v1", "v1", {"ReplicationController"}, "name what owns its pods"},
};

// The field of workloadRef that is wrong, and why; nothing: as far as can be told without a
// cluster, the kind can be stopped.
std::pair<std::string, std::string> ProblemOf(const WorkloadRef& workload) {
  for (const auto& group : kKnownGroups) {
    const bool of_it = group.group.ends_with('/') ? workload.api_version.starts_with(group.group)
                                                  : workload.api_version == group.group;
    if (!of_it) continue;
    if (workload.api_version != group.api_version) {
      return {"apiVersion", Quoted(workload.api_version) + " is not served; use " +
                                std::string(group.api_version)};
    }
    if (std::find(group.kinds.begin(), group.kinds.end(), workload.kind) == group.kinds.end()) {
      return {"kind", workload.api_version + " " + workload.kind + " cannot be stopped; " +
                          std::string(group.way_out)};
    }
    if (workload.toggle)
      return {"switch", "is for other kinds: how " + workload.kind + "s are stopped is known"};
  }
  return {};
}

void CheckAgents(ReadContext& context, const std::vector<AgentSpec>& agents, bool selects) {
  const ReadContext::Step step(context, "agents");
  if (agents.empty() && !selects) {
    // A misspelt field is pruned by the API server: an empty pool would govern nothing, silently.
    context.Fail("is required; list at least one agent, or select some by agentSelector");
  }
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, std::string_view>> workloads;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const ReadContext::Step at(context, i);
    const auto& agent = agents[i];
    if (!names.insert(agent.name).second) {
      context.Fail(Quoted(agent.name) + " is the name of an earlier agent; names are unique",
                   {{"name"}});
    }
    const auto& workload = agent.workload_ref;
    if (const auto [field, problem] = ProblemOf(workload); !problem.empty()) {
      context.Fail(problem, {{"workloadRef"}, {field}});
      continue;
    }
    if (!workloads.insert({workload.kind, workload.name}).second) {
      context.Fail(workload.kind + " " + workload.name +
                       " is the workload of an earlier agent; a workload belongs to one agent",
                   {{"workloadRef"}});
    }
  }
}

void CheckSelector(ReadContext& context, AgentSelector& selector) {
  const ReadContext::Step step(context, "agentSelector");
  if (selector.match_labels.empty() && !context.Failed("matchLabels"))
    context.Fail("is empty, which would be every workload; name at least one label",
                 {{"matchLabels"}});
  if (selector.kinds.empty())
    selector.kinds.assign(SelectableKinds().begin(), SelectableKinds().end());
}

// Why it may not be limited; empty: it may.
std::string ProblemOf(const FieldTarget& field) {
  if (field.api_version.starts_with("purser.dev/"))
    return "is a resource of Purser's own, which no pool limits";
  if (field.path.starts_with("/metadata/annotations/purser.dev~1"))
    return "is an annotation of Purser's own, which no pool limits";
  const auto group = field.api_version.substr(0, field.api_version.find('/'));
  if (group == "apps" && field.path == "/spec/replicas")
    return "is what spec.agents and spec.scaling are for; name the workload there";
  return "";
}

void CheckLimitTargets(ReadContext& context, const std::vector<LimitTarget>& targets) {
  const ReadContext::Step step(context, "limitTargets");
  std::set<LimitPlace> seen;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const ReadContext::Step at(context, i);
    const auto& [config_map, field, webhook, valid_seconds] = targets[i];
    const int places = !config_map.name.empty() + field.has_value() + webhook.has_value();
    if (places != 1) {
      context.Fail(places == 0
                       ? "give one place: configMap: {name: research-limits}, a field or a webhook"
                       : "gives several places; one target a place: configMap, field or webhook");
      continue;
    }
    if (field && valid_seconds)
      context.Fail("is for documents; a field has none", {{"validSeconds"}});
    if (field) {
      if (const auto problem = ProblemOf(*field); !problem.empty())
        context.Fail(field->api_version + " " + field->path + " " + problem, {{"field"}});
    }
    if (seen.insert(targets[i].place()).second) continue;
    context.Fail((field     ? field->name + field->path
                  : webhook ? webhook->name
                            : config_map.name + "/" + config_map.key) +
                     " is an earlier target already",
                 {{field     ? "field"
                   : webhook ? "webhook"
                             : "configMap"}});
  }
}

void ReadSpec(ReadContext& context, simdjson::dom::element spec, AgentPoolSpec& into) {
  const ReadContext::Step step(context, "spec");
  ReadFields(context, spec, kSpec, into);
  if (!context.Failed("agents"))
    CheckAgents(context, into.agents, into.agent_selector || context.Failed("agentSelector"));
  if (into.agent_selector && !context.Failed("agentSelector"))
    CheckSelector(context, *into.agent_selector);
  if (!context.Failed("limitTargets")) CheckLimitTargets(context, into.limit_targets);
}

}  // namespace

const std::array<std::string_view, kMostSelectableKinds>& SelectableKinds() {
  static constexpr std::array<std::string_view, kMostSelectableKinds> kKinds = {
      "Deployment", "StatefulSet", "Job", "CronJob"};
  return kKinds;
}

Result<AgentPool> DecodeAgentPool(simdjson::dom::element object, ReadContext& context) {
  return DecodeResource<AgentPool, kStatus>(object, context, "AgentPool", &ReadSpec);
}

Result<AgentPool> DecodeAgentPool(simdjson::dom::element object, UnknownFields unknown) {
  ReadContext context(unknown);
  return DecodeAgentPool(object, context);
}

std::vector<KnownField> AgentPoolFields() { return DescribeResource(kSpec, kStatus); }

}  // namespace purser::api
