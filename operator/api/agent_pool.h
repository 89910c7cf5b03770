// AgentPool (purser.dev/v1alpha1): which workloads are agents, and what they may do at once. No
// I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kube/object/object_meta.h"

namespace purser::api {

struct WorkloadRef {
  std::string api_version = "apps/v1";
  std::string kind;  // Deployment | StatefulSet
  std::string name;
  auto operator<=>(const WorkloadRef&) const = default;
};

struct AgentSpec {
  std::string name;  // the value of the agent label in spend data; unique in the namespace
  WorkloadRef workload_ref;
  std::optional<std::int32_t> max_concurrency;  // absent: the pool's
  bool operator==(const AgentSpec&) const = default;
};

enum class OnThrottle { kProportional, kKeep };
enum class OnStop { kZero, kKeep };

struct ScalingSpec {
  OnThrottle on_throttle = OnThrottle::kProportional;
  OnStop on_stop = OnStop::kZero;
  std::int32_t min_replicas = 1;
  std::int32_t drain_seconds = 60;  // waited only when limits are published: see docs/adr
  bool operator==(const ScalingSpec&) const = default;
};

struct ConfigMapTarget {
  std::string name;
  std::string key = "limits.json";
  auto operator<=>(const ConfigMapTarget&) const = default;
};

struct AgentPoolSpec {
  std::vector<AgentSpec> agents;
  std::int32_t max_concurrency = 1;
  std::int32_t priority = 0;
  ScalingSpec scaling;
  std::vector<ConfigMapTarget> limit_targets;
  bool operator==(const AgentPoolSpec&) const = default;
};

struct AgentPoolAgentStatus {
  std::string name;
  std::string state;  // Normal | Throttled | Draining | Stopped | Ramping | Missing
  std::int32_t concurrency = 0;
  std::int32_t replicas = 0;                   // spec.replicas in force
  std::optional<std::int32_t> saved_replicas;  // what will be given back
  std::string governed_by;                     // name of the strictest budget, or empty
  std::string reason;
  bool operator==(const AgentPoolAgentStatus&) const = default;
};

struct AgentPoolStatus {
  std::int64_t observed_generation = 0;
  std::string state;  // Normal | Throttled | Draining | Stopped | Ramping | Audit | NotReady
  std::int32_t agent_count = 0;
  std::int32_t max_concurrency = 0;  // in force
  std::string governed_by;           // the BUDGET column
  std::string reason;
  std::vector<AgentPoolAgentStatus> agents;
  std::vector<kube::Condition> conditions;
  bool operator==(const AgentPoolStatus&) const = default;
};

struct AgentPool {
  kube::ObjectMeta meta;
  AgentPoolSpec spec;
  AgentPoolStatus status;
  // Set when the spec could not be understood (also: a field not implemented yet); the spec is then
  // whatever could be read and must not be acted on.
  std::optional<std::string> invalid;
};

}  // namespace purser::api
