// AgentPool (purser.dev/v1alpha1): which workloads are agents, and what they may do at once. No
// I/O.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/object/object_meta.h"

namespace purser::api {

// What stops a kind that has no replicas: a field of it, and the value that stops it.
struct SwitchSpec {
  std::string path;     // JSON pointer into spec or metadata.annotations: "/spec/operatingMode"
  std::string stopped;  // JSON of a boolean, integer or string: "true", "0", "\"Suspended\""
  auto operator<=>(const SwitchSpec&) const = default;
};

struct WorkloadRef {
  std::string api_version = "apps/v1";
  std::string kind;  // Deployment, StatefulSet, Job, CronJob, or any kind that can be stopped
  std::string name;
  std::optional<SwitchSpec> toggle{};  // absent: /scale, or the built-in table of kinds
  auto operator<=>(const WorkloadRef&) const = default;
};

struct AgentSpec {
  std::string name;  // the value of the agent label in spend data; unique in the namespace
  WorkloadRef workload_ref;
  std::optional<std::int32_t> max_concurrency;  // absent: the pool's
  std::vector<std::string> models{};            // dearest first: the order of a downgrade
  // Of no manifest, found by agentSelector: workloads of the same agent beside the first.
  std::vector<WorkloadRef> others{};
  bool found = false;  // no agent of the spec: it is there because its workloads are
  bool operator==(const AgentSpec&) const = default;
};

// Every workload that matches is an agent, named by its label purser.dev/agent, else by its name.
struct AgentSelector {
  std::map<std::string, std::string> match_labels;  // at least one
  std::vector<std::string> kinds;                   // of SelectableKinds; when read: never empty
  std::optional<std::int32_t> max_concurrency;      // of each; absent: the pool's
  bool operator==(const AgentSelector&) const = default;
};

inline constexpr std::size_t kMostSelectableKinds = 4;
const std::array<std::string_view, kMostSelectableKinds>& SelectableKinds();

// The agent of those for which there is no entry of their own; nobody spends under this name.
inline constexpr const char* kOtherAgents = "(others)";

// What agentSelector came to beside the agents it put into the spec; of no manifest.
struct FoundAgents {
  bool pending = false;  // a kind is being listed: not all is known yet
  bool partial = false;  // a kind cannot be listed at present: who is missing may be there
  std::vector<std::string> unnamed{};     // agents for which there is no entry of their own
  std::vector<std::string> collisions{};  // names that several workloads came to, for people
  std::string roster{};                   // equal where the agents' names are; empty: no selector
  bool operator==(const FoundAgents&) const = default;
};

enum class OnThrottle { kProportional, kKeep };
enum class OnStop { kZero, kKeep };
enum class RestoreBy { kAutomatic, kManual };

// What becomes of the Jobs that a CronJob has made, when it is stopped.
enum class RunningJobs { kSuspend, kFinish };

struct ScalingSpec {
  OnThrottle on_throttle = OnThrottle::kProportional;
  OnStop on_stop = OnStop::kZero;
  std::int32_t min_replicas = 1;
  std::int32_t drain_seconds = 60;            // waited only when limits are published: see docs/adr
  RestoreBy restore = RestoreBy::kAutomatic;  // after a stop
  RunningJobs running_jobs = RunningJobs::kSuspend;
  bool operator==(const ScalingSpec&) const = default;
};

struct ConfigMapTarget {
  std::string name;
  std::string key = "limits.json";
  auto operator<=>(const ConfigMapTarget&) const = default;
};

// A number of any object of the namespace.
struct FieldTarget {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string path;  // JSON pointer into spec or metadata.annotations
  auto operator<=>(const FieldTarget&) const = default;
};

// A webhook of the operator's configuration.
struct WebhookTarget {
  std::string name;
  auto operator<=>(const WebhookTarget&) const = default;
};

// Where limits are published: one of these.
struct LimitPlace {
  ConfigMapTarget config_map{};  // without a name where it is another
  std::optional<FieldTarget> field{};
  std::optional<WebhookTarget> webhook{};
  auto operator<=>(const LimitPlace&) const = default;
};

struct LimitTarget {
  ConfigMapTarget config_map{};
  std::optional<FieldTarget> field{};
  std::optional<WebhookTarget> webhook{};
  // So long a document is valid, which says so and is refreshed; absent: for ever.
  std::optional<std::int32_t> valid_seconds{};
  LimitPlace place() const { return {config_map, field, webhook}; }
  bool operator==(const LimitTarget&) const = default;
};

// A person's stop, whatever was spent.
struct PoolStop {
  std::string reason;  // empty: not stopped
  bool operator==(const PoolStop&) const = default;
};

enum class RunawayAction { kNotify, kThrottle, kStop };

// Rules against loops and spawning; those without a number of their own apply wherever it is there
// (policy/runaway.h).
struct RunawaySpec {
  std::optional<std::int32_t> calls_per_task{};
  std::optional<std::int32_t> failed_calls_percent{};
  std::optional<std::int32_t> agents{};
  RunawayAction action = RunawayAction::kThrottle;
  bool operator==(const RunawaySpec&) const = default;
};

struct AgentPoolSpec {
  std::vector<AgentSpec> agents;
  std::optional<AgentSelector> agent_selector{};
  std::int32_t max_concurrency = 1;
  std::int32_t priority = 0;
  ScalingSpec scaling;
  std::vector<LimitTarget> limit_targets;
  PoolStop stop;
  std::optional<RunawaySpec> runaway{};
  bool operator==(const AgentPoolSpec&) const = default;
};

// What was taken of one workload of an agent that has several, or that was found.
struct TakenWorkload {
  WorkloadRef workload;
  std::string uid;
  std::int32_t saved_replicas = 0;
  std::int32_t set_replicas = 0;
  std::string saved_at;
  std::string saved_value;  // of a switch, as JSON
  bool operator==(const TakenWorkload&) const = default;
};

struct AgentPoolAgentStatus {
  std::string name;
  std::string state;  // Normal | Throttled | RefusingWork | Draining | Stopping | Stopped | Ramping
                      // | Missing
  std::int32_t concurrency = 0;
  std::int32_t replicas = 0;                   // spec.replicas in force
  std::optional<std::int32_t> saved_replicas;  // what will be restored
  std::string governed_by;                     // name of the strictest budget, or empty
  std::string reason;
  std::int64_t running = 0;                  // pods, those that are about to end too
  std::string since;                         // of a stop, or of the way back from it
  std::optional<std::int32_t> set_replicas;  // what we set when we took the rest
  std::string saved_at;                      // when it was taken; tells one stop from the next
  std::string workload_uid;                  // of the workload it was taken from
  // Of kinds outside apps/v1, while something is taken: which object, and what the switch said, as
  // JSON.
  std::optional<WorkloadRef> workload{};
  std::string saved_value;
  // Of each, where it has several or was found by agentSelector; the fields above say the first.
  std::vector<TakenWorkload> workloads{};
  bool operator==(const AgentPoolAgentStatus&) const = default;
};

// Where limits of the pool are, or were, published: they are restored there before the pool goes.
struct LimitTargetStatus {
  ConfigMapTarget config_map;
  std::string problem;  // why nothing is published there; empty: it is
  std::optional<FieldTarget> field{};
  std::optional<WebhookTarget> webhook{};
  // Of a field that is held: of which object, and as JSON what was there and what we set.
  std::string uid{};
  std::string before{};
  std::string set{};
  LimitPlace place() const { return {config_map, field, webhook}; }
  bool operator==(const LimitTargetStatus&) const = default;
};

// A rule of spec.runaway that is broken.
struct RunawayStatus {
  std::string rule;                   // CallsPerTask, FailedCalls, Agents, RepeatedCalls …
  std::vector<std::string> agents{};  // sorted; empty: the whole pool
  std::string message;                // the evidence of the first of them
  std::string since;
  bool operator==(const RunawayStatus&) const = default;
};

struct AgentPoolStatus {
  std::int64_t observed_generation = 0;
  std::string state;  // as an agent's | Audit | NotReady
  std::int32_t agent_count = 0;
  std::int32_t max_concurrency = 0;  // in force
  std::string governed_by;           // the BUDGET column
  std::string reason;
  std::vector<AgentPoolAgentStatus> agents;
  std::vector<LimitTargetStatus> limit_targets;
  std::vector<RunawayStatus> runaway;
  std::vector<kube::Condition> conditions;
  bool operator==(const AgentPoolStatus&) const = default;
};

struct AgentPool {
  kube::ObjectMeta meta;
  AgentPoolSpec spec;
  AgentPoolStatus status;
  FoundAgents found{};
  // Set when the spec could not be understood (also: a field not implemented yet); the spec is then
  // whatever could be read and must not be acted on.
  std::optional<std::string> invalid;
};

}  // namespace purser::api
