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
#include "money/money.h"

namespace purser::api {

struct ServerTls {  // PEM files, read again when they change
  std::string cert_file;
  std::string key_file;
  bool operator==(const ServerTls&) const = default;
};

struct ServerConfig {
  std::string address;  // of the inbound API, over TLS; "": not served
  std::optional<ServerTls> tls;
  std::string tokens_file;                       // static bearer tokens: api/bearer_tokens.h
  std::string metrics_address = "0.0.0.0:8080";  // /healthz, /readyz, /metrics
  // Whether who asks for /metrics has to send a token that the API server knows, and may get it.
  bool authenticate_metrics = false;
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

// Whose meter it is: the metrics and labels it is read by. What each means: usage/attribution.
enum class Preset {
  kNone,
  kPlain,
  kLiteLlm,
  kAgentgateway,
  kEnvoyAiGateway,
  kKong,
  kBifrost,
  kClaudeCode,
  kOtelGenAi,
  kKelos,
};

// How one dimension of spend is read off a series.
struct LabelRule {
  std::vector<std::string> from;  // labels; the first that has a value (None is none) counts
  std::string regex;     // Pattern; "": the value as it is. No match: as if it had no value
  std::string fallback;  // `default`: when no label has a value
  bool operator==(const LabelRule&) const = default;
};

// Nothing: the preset's rule; without a preset, the label of the dimension's own name.
struct LabelRules {
  std::optional<LabelRule> ns, agent, model, task, workflow;
  bool operator==(const LabelRules&) const = default;
};

// Names of counters of tokens, for meters that tell no cost. Either one a kind, or one for all
// whose label `type_label` says which kind a series is.
struct TokenMetrics {
  std::string input;      // cached ones included
  std::string output;     // reasoning included
  std::string cached;     // of input
  std::string reasoning;  // of output
  std::string metric;
  std::string type_label = "type";
  bool operator==(const TokenMetrics&) const = default;
};

struct PrometheusConfig {
  std::string url;  // http(s)://host:port[/prefix]
  Preset preset = Preset::kNone;
  // A counter of USD, optionally with a {selector}; "": the preset's, or `metrics`.
  std::string metric;
  // Names of several, summed; what narrows them stands in `match`. Given and empty: no counter of
  // USD, cost comes of tokens and prices.
  std::optional<std::vector<std::string>> metrics;
  std::optional<TokenMetrics> tokens;
  std::map<std::string, std::string> match;  // label -> value: equality matchers of every query
  LabelRules labels;
  // Labels that scraping added: no part of a series' identity.
  std::vector<std::string> ignore_labels = {
      "job", "service", "endpoint", "prometheus", "prometheus_replica", "replica", "__replica__"};
  std::chrono::milliseconds scrape_interval{15'000};
  std::optional<std::chrono::milliseconds> interval;  // of polls; default: the scrape interval
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds backfill{24 * 3'600'000};
  std::chrono::milliseconds lateness{600'000};  // how late a sample may come and be seen at once
  std::int64_t max_response_bytes = std::int64_t{64} << 20;
  NewSeries new_series = NewSeries::kCount;
  // What a counter may earn in a second before it has shown how much it does.
  Money plausible_per_second = Money::FromNanos(Money::kNanosPerDollar);
  std::vector<std::string> accept_warnings;  // Pattern; found in a warning: the answer is complete
  PrometheusAuth auth;
  bool operator==(const PrometheusConfig&) const = default;
};

// Of a source with both meters.
enum class CountsConfig { kHigher, kPrometheus, kRecords };

struct SourceConfig {
  std::string name;
  PrometheusConfig prometheus;                  // without a url: none
  bool usage = false;                           // takes call records over HTTP
  CountsConfig counts = CountsConfig::kHigher;  // where it has both
  bool reads_prometheus() const { return !prometheus.url.empty(); }
  bool has_both() const { return usage && reads_prometheus(); }
  bool operator==(const SourceConfig&) const = default;
};

// Of a model that no catalogue knows: a conservative estimate.
struct UnknownModelPrice {
  Money input_per_million;  // USD for a million tokens
  Money output_per_million;
  bool operator==(const UnknownModelPrice&) const = default;
};

struct PricesConfig {
  std::string file;  // a catalogue beside the one shipped, and before it; "": none
  // Never nothing by default: a model that nobody priced is dear until somebody does.
  std::optional<UnknownModelPrice> unknown_model = UnknownModelPrice{
      Money::FromNanos(15 * Money::kNanosPerDollar), Money::FromNanos(75 * Money::kNanosPerDollar)};
  bool operator==(const PricesConfig&) const = default;
};

// Where pools that name it have their limits posted: see README.
struct LimitWebhook {
  std::string name;
  std::string url;          // http(s)://host[:port][/path]
  std::string secret_file;  // what posts are signed with; read again each time
  std::string ca_file;      // "": the system's certificate authorities
  std::chrono::milliseconds timeout{5'000};
  bool operator==(const LimitWebhook&) const = default;
};

struct OperatorConfig {
  ServerConfig server;
  LeaderElectionConfig leader_election;
  std::vector<std::string> watch_namespaces;  // empty: all
  StoreConfig store;
  std::vector<SourceConfig> sources;
  PricesConfig prices;
  std::vector<LimitWebhook> limit_webhooks;
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
