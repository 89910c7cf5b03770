// OperatorConfig (config.purser.dev/v1alpha1): the operator's own configuration file. No I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_budget.h"
#include "base/result.h"

namespace purser::api {

struct ServerConfig {
  std::string metrics_address = "0.0.0.0:8080";  // /healthz, /readyz, /metrics
  bool operator==(const ServerConfig&) const = default;
};

struct LeaderElectionConfig {
  bool enabled = true;
  std::string ns = "purser-system";
  std::string lease_name = "purser";
  bool operator==(const LeaderElectionConfig&) const = default;
};

struct StoreConfig {  // type: SQLite, the only one implemented
  std::string path = "/var/lib/purser/ledger.db";
  bool operator==(const StoreConfig&) const = default;
};

struct PrometheusAuth {
  std::string bearer_token_file;
  std::string basic_username;
  std::string basic_password_file;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::map<std::string, std::string> headers;
  bool operator==(const PrometheusAuth&) const = default;
};

enum class NewSeries { kCount, kBaseline };

struct PrometheusConfig {
  std::string url;     // http(s)://host:port[/prefix]
  std::string metric;  // a counter of USD; optionally with a {selector}
  std::string namespace_label = "namespace";
  std::string agent_label = "agent";
  std::string model_label = "model";
  std::string task_label = "task";
  std::string workflow_label = "workflow";
  std::chrono::milliseconds scrape_interval{15'000};
  std::optional<std::chrono::milliseconds> interval;  // of polls; default: the scrape interval
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds backfill{24 * 3'600'000};
  std::int64_t max_response_bytes = std::int64_t{64} << 20;
  NewSeries new_series = NewSeries::kCount;
  PrometheusAuth auth;
  bool operator==(const PrometheusConfig&) const = default;
};

struct SourceConfig {
  std::string name;
  PrometheusConfig prometheus;
  bool operator==(const SourceConfig&) const = default;
};

struct OperatorConfig {
  ServerConfig server;
  LeaderElectionConfig leader_election;
  std::vector<std::string> watch_namespaces;  // empty: all
  StoreConfig store;
  std::vector<SourceConfig> sources;
  bool operator==(const OperatorConfig&) const = default;
};

// Strict: an unknown, doubled or wrongly typed key is kInvalidArgument with "FILE:LINE:COLUMN:
// path: what, way out". `file` is used in messages only. Bounds: 1 MiB, depth 32, 10,000 nodes.
Result<OperatorConfig> ParseOperatorConfig(std::string_view yaml, std::string_view file);

// One finding of `purser validate`.
struct Finding {
  std::string location;  // FILE:LINE:COLUMN
  std::string message;   // "AgentBudget agents/x: spec.limit: ..."
};

// Whether a budget's window can be computed; an error is about its time zone.
using WindowCheck = std::function<Status(const WindowSpec&)>;

// Every document of a YAML file: AgentPool, AgentBudget, OperatorConfig (others are a finding).
// `check_window`: time zones are known to it alone; empty, any name passes.
std::vector<Finding> ValidateFile(std::string_view yaml, std::string_view file,
                                  const WindowCheck& check_window = {});

}  // namespace purser::api
