#include "api/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace purser::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr const char* kHead = "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\n";
constexpr const char* kSources =
    "sources:\n"
    "- name: default\n"
    "  prometheus:\n"
    "    url: http://prometheus:9090\n"
    "    metric: agent_cost_usd_total\n";

LabelRule From(std::vector<std::string> labels) { return {std::move(labels), "", ""}; }

std::string Smallest() { return std::string(kHead) + kSources; }

TEST(ConfigTest, TheSmallestFileGetsEveryDefault) {
  const auto config = ParseOperatorConfig(Smallest(), "purser.yaml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  OperatorConfig want;
  want.sources.resize(1);
  want.sources[0].name = "default";
  want.sources[0].prometheus.url = "http://prometheus:9090";
  want.sources[0].prometheus.metric = "agent_cost_usd_total";
  EXPECT_EQ(*config, want);
  EXPECT_EQ(config->server.metrics_address, "0.0.0.0:8080");
  EXPECT_TRUE(config->leader_election.enabled);
  EXPECT_EQ(config->sources[0].prometheus.scrape_interval, 15s);
}

TEST(ConfigTest, WebhooksOfLimitsAreRead) {
  const auto config = ParseOperatorConfig(
      Smallest() +
          "limitWebhooks:\n- {name: a, url: https://gateway:8443/limits, secretFile: /s}\n"
          "- {name: b, url: http://b, secretFile: /s, caFile: /ca.crt, timeout: 2s}\n",
      "purser.yaml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  const std::vector<LimitWebhook> want = {{"a", "https://gateway:8443/limits", "/s", "", 5s},
                                          {"b", "http://b", "/s", "/ca.crt", 2s}};
  EXPECT_EQ(config->limit_webhooks, want);
  for (const auto& [list, problem] : std::vector<std::pair<std::string, std::string>>{
           {"[{name: a, url: http://a}]", "limitWebhooks[0].secretFile: is required"},
           {"[{name: a, url: ftp://a, secretFile: /s}]", "limitWebhooks[0].url: \"ftp://a\""},
           {"[{name: a, url: http://a, secretFile: /s}, {name: a, url: http://b, secretFile: /s}]",
            "limitWebhooks[1].name: \"a\" is the name of an earlier webhook"}}) {
    const auto refused = ParseOperatorConfig(Smallest() + "limitWebhooks: " + list + "\n", "f");
    ASSERT_FALSE(refused.ok()) << list;
    EXPECT_THAT(refused.error().message(), HasSubstr(problem));
  }
}

TEST(ConfigTest, EveryFieldIsRead) {
  const auto config = ParseOperatorConfig(std::string(kHead) + R"(
server:
  {address: ":8443", tls: {certFile: /tls.crt, keyFile: /tls.key}, tokensFile: /tokens.yaml,
   metricsAddress: "[::]:9102", authenticateMetrics: true}
leaderElection: {enabled: false, namespace: system, leaseName: p.lease}
watchNamespaces: [a, b]
store: {type: SQLite, path: /data/l.db}
sources:
- name: records
  usage: true
- name: gateway
  prometheus:
    url: https://prometheus.example/prefix
    metric: cost{team="x"}
    match: {cluster: prod}
    labels:
      namespace: ns
      agent: key_alias
      model: {from: [m]}
      task: {from: [t, u], regex: 'svc-(.*)', default: none}
      workflow: {default: nightly}
    ignoreLabels: [job, scraped_by]
    lateness: 20m
    plausiblePerSecond: "2.5"
    acceptWarnings: ["PromQL info: .*"]
    scrapeInterval: 30s
    interval: 1m
    timeout: 2s500ms
    backfill: 48h
    maxResponseBytes: 1048576
    newSeries: Baseline
    auth:
      bearerTokenFile: /t
      tls: {caFile: /ca, certFile: /c, keyFile: /k}
      headers: {X-Scope-OrgID: tenant}
- name: other
  prometheus:
    url: http://o
    metric: m
    auth: {basic: {username: u, passwordFile: /p}}
- name: gateway2
  prometheus: {url: http://g, preset: envoy-ai-gateway}
- name: several
  prometheus:
    url: http://s
    metrics: [cost_total, tools_total]
    tokens: {input: in_total, output: out_total, cached: cached_total, reasoning: reasoning_total}
- name: tokens
  prometheus:
    url: http://t
    preset: agentgateway
    metrics: []
    tokens: {metric: token_usage_sum, typeLabel: gen_ai_token_type}
prices:
  file: /etc/purser/prices/prices.json
  unknownModel: {inputPerMillion: "15", outputPerMillion: "75.5"}
)",
                                          "purser.yaml");
  ASSERT_TRUE(config.ok()) << config.error().message();
  OperatorConfig want;
  want.server.address = ":8443";
  want.server.tls = ServerTls{"/tls.crt", "/tls.key"};
  want.server.tokens_file = "/tokens.yaml";
  want.server.metrics_address = "[::]:9102";
  want.server.authenticate_metrics = true;
  want.leader_election = {false, "system", "p.lease"};
  want.watch_namespaces = {"a", "b"};
  want.store.path = "/data/l.db";
  PrometheusConfig first;
  first.url = "https://prometheus.example/prefix";
  first.metric = "cost{team=\"x\"}";
  first.labels.ns = From({"ns"});
  first.labels.agent = From({"key_alias"});
  first.labels.model = From({"m"});
  first.labels.task = LabelRule{{"t", "u"}, "svc-(.*)", "none"};
  first.labels.workflow = LabelRule{{}, "", "nightly"};
  first.match = {{"cluster", "prod"}};
  first.ignore_labels = {"job", "scraped_by"};
  first.lateness = 20min;
  first.plausible_per_second = Money::FromNanos(2'500'000'000);
  first.accept_warnings = {"PromQL info: .*"};
  first.scrape_interval = 30s;
  first.interval = 60s;
  first.timeout = 2500ms;
  first.backfill = 48h;
  first.max_response_bytes = 1'048'576;
  first.new_series = NewSeries::kBaseline;
  first.auth.bearer_token_file = "/t";
  first.auth.ca_file = "/ca";
  first.auth.cert_file = "/c";
  first.auth.key_file = "/k";
  first.auth.headers = {{"X-Scope-OrgID", "tenant"}};
  PrometheusConfig second;
  second.url = "http://o";
  second.metric = "m";
  second.auth.basic_username = "u";
  second.auth.basic_password_file = "/p";
  PrometheusConfig preset;
  preset.url = "http://g";
  preset.preset = Preset::kEnvoyAiGateway;
  PrometheusConfig several;
  several.url = "http://s";
  several.metrics = {"cost_total", "tools_total"};
  several.tokens = TokenMetrics{.input = "in_total",
                                .output = "out_total",
                                .cached = "cached_total",
                                .reasoning = "reasoning_total",
                                .metric = {}};
  PrometheusConfig tokens;
  tokens.url = "http://t";
  tokens.preset = Preset::kAgentgateway;
  tokens.metrics.emplace();
  tokens.tokens = TokenMetrics{.input = {},
                               .output = {},
                               .cached = {},
                               .reasoning = {},
                               .metric = "token_usage_sum",
                               .type_label = "gen_ai_token_type"};
  want.sources = {{"records", {}, true}, {"gateway", first},   {"other", second},
                  {"gateway2", preset},  {"several", several}, {"tokens", tokens}};
  want.prices.file = "/etc/purser/prices/prices.json";
  want.prices.unknown_model =
      UnknownModelPrice{Money::FromNanos(15'000'000'000), Money::FromNanos(75'500'000'000)};
  EXPECT_EQ(*config, want);
}

struct RefusedCase {
  std::string name, yaml;
  std::vector<std::string> want;  // all are part of the message
};

std::string With(const std::string& lines) { return Smallest() + lines; }
// Lines of sources[0].prometheus, the first on line 8.
std::string WithPrometheus(const std::string& line) { return Smallest() + "    " + line + "\n"; }
std::string WithUrl(const std::string& url) {
  return std::string(kHead) + "sources: [{name: a, prometheus: {metric: m, url: " + url + "}}]\n";
}
std::string WithMetric(const std::string& metric) {
  return std::string(kHead) + "sources: [{name: a, prometheus: {url: http://p, metric: " + metric +
         "}}]\n";
}

TEST(ConfigTest, WhatIsRefusedNamesPlaceFieldAndWayOut) {
  const std::vector<RefusedCase> cases = {
      {"empty", "", {"purser.yaml:1:1: is empty"}},
      {"two documents",
       Smallest() + "---\n" + Smallest(),
       {"purser.yaml:9:1: more than one document"}},
      {"not an object", "- a", {"purser.yaml:1:1: want an object, got a list"}},
      {"no kind",
       std::string("apiVersion: config.purser.dev/v1alpha1\n") + kSources,
       {"kind: is required"}},
      {"another version",
       std::string("apiVersion: config.purser.dev/v2\nkind: OperatorConfig\n") + kSources,
       {"purser.yaml:1:1: apiVersion: \"config.purser.dev/v2\" is not one of "
        "config.purser.dev/v1alpha1"}},
      {"no sources", kHead, {"purser.yaml:1:1: sources: is required"}},
      {"empty sources",
       std::string(kHead) + "sources: []\n",
       {"purser.yaml:3:1: sources: is empty"}},
      {"syntax", "a: [", {"purser.yaml:", "not YAML"}},
      {"doubled key",
       With("store: {path: /a}\nstore: {path: /b}\n"),
       {"purser.yaml:9:1: key \"store\" is given twice"}},
      {"unknown key",
       With("stor: {path: /a}\n"),
       {"purser.yaml:8:1: stor: unknown field; did you mean \"store\"?"}},
      {"unknown nested key",
       WithPrometheus("scrape_interval: 15s"),
       {"purser.yaml:8:5: sources[0].prometheus.scrape_interval: unknown field; did you mean "
        "\"scrapeInterval\"?"}},
      {"alias",
       With("store: &a {path: /a}\nserver: *a\n"),
       {"purser.yaml:8:8: anchors are not accepted"}},
      {"address",
       With("server: {metricsAddress: 8080}\n"),
       {"purser.yaml:8:10: server.metricsAddress: 8080 is not text"}},
      {"address without port",
       With("server: {metricsAddress: \"0.0.0.0\"}\n"),
       {"server.metricsAddress: \"0.0.0.0\": want ADDRESS:PORT"}},
      {"address by name",
       With("server: {metricsAddress: \"localhost:8080\"}\n"),
       {"purser.yaml:8:10: server.metricsAddress: \"localhost:8080\": want ADDRESS:PORT",
        "such as \"0.0.0.0:8080\"; names are not looked up"}},
      {"server.address",
       With("server: {address: \"0.0.0.0:8443\"}\n"),
       {"purser.yaml:8:1: server.tls: is required beside address; {certFile: …, keyFile: …}"}},
      {"server.tls",
       With("server: {tls: {certFile: c, keyFile: k}}\n"),
       {"server.address: is required by tls and tokensFile"}},
      {"half of server.tls",
       With("server: {address: \":8443\", tls: {certFile: c}}\n"),
       {"server.tls.keyFile: is required"}},
      {"PostgreSQL",
       With("store: {type: PostgreSQL, dsnFile: /d}\n"),
       {"purser.yaml:8:9: store.type: \"PostgreSQL\" is not implemented yet; use SQLite",
        "(and 1 more problems)"}},
      {"unknown preset",
       WithPrometheus("preset: LiteLLM"),
       {"purser.yaml:8:5: sources[0].prometheus.preset: \"LiteLLM\" is not one of plain, litellm, "
        "agentgateway, envoy-ai-gateway, kong, bifrost, claude-code, otel-genai, kelos"}},
      {"metric and metrics",
       WithPrometheus("metrics: [a]"),
       {"purser.yaml:8:5: sources[0].prometheus.metrics: metric and metrics exclude each other"}},
      {"a selector among several",
       std::string(kHead) +
           "sources: [{name: a, prometheus: {url: http://p, metrics: [\"a{b='c'}\"]}}]\n",
       {"metrics[0]: \"a{b='c'}\": want a metric's name without a {selector}"}},
      {"tokens beside a selector alone",
       std::string(kHead) +
           "sources: [{name: a, prometheus: {url: http://p, metric: \"{a='b'}\", tokens: {input: "
           "i}}}]\n",
       {"prometheus.metric: names no metric, so that tokens cannot be told from money"}},
      {"no counter at all",
       std::string(kHead) + "sources: [{name: a, prometheus: {url: http://p, metrics: []}}]\n",
       {"sources[0].prometheus.metrics: is empty, and there are no tokens"}},
      {"tokens of nothing",
       WithPrometheus("tokens: {typeLabel: type}"),
       {"purser.yaml:8:5: sources[0].prometheus.tokens: names no metric; give input and output"}},
      {"tokens twice",
       WithPrometheus("tokens: {metric: a, input: b}"),
       {"tokens.metric: metric is one counter for all kinds"}},
      {"tokens by selector",
       WithPrometheus("tokens: {input: \"a{b='c'}\"}"),
       {"tokens.input: \"a{b='c'}\": want a metric's name without a {selector}"}},
      {"no regular expression",
       WithPrometheus("labels: {agent: {from: [a], regex: \"svc-(\"}}"),
       {"purser.yaml:8:33: sources[0].prometheus.labels.agent.regex: \"svc-(\": not a regular "
        "expression (RE2's syntax): missing )"}},
      {"look-ahead",
       WithPrometheus("labels: {agent: {from: [a], regex: \"(?=a)\"}}"),
       {"not a regular expression", "(?="}},
      {"label misspelt",
       WithPrometheus("labels: {agent: {from: [a], fallback: x}}"),
       {"labels.agent.fallback: unknown field; known here: from, regex, default"}},
      {"label a list",
       WithPrometheus("labels: {agent: [a]}"),
       {"labels.agent: a list is not text"}},
      {"matcher", WithPrometheus("match: {cluster: [a]}"), {"match.cluster: a list is not text"}},
      {"warning's pattern",
       WithPrometheus("acceptWarnings: [\"*\"]"),
       {"acceptWarnings[0]: \"*\": not a regular expression"}},
      {"plausible a number",
       WithPrometheus("plausiblePerSecond: 1"),
       {"plausiblePerSecond: 1 is not text; write it in quotes"}},
      {"nothing plausible",
       WithPrometheus("plausiblePerSecond: \"0\""),
       {"plausiblePerSecond: is not more than 0"}},
      {"lateness",
       WithPrometheus("lateness: 25h"),
       {"lateness: \"25h\" is not between 0h and 24h"}},
      {"usage",
       std::string(kHead) + "sources: [{name: default, usage: true}]\n",
       {"server.address: is required by a source with usage: true"}},
      {"two meters of one source",
       With("  counts: Records\n"),
       {"sources[0].counts: is for a source with both meters"}},
      {"a source of nothing",
       "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\nsources: [{name: default}]\n",
       {"sources[0].prometheus: is required", "or usage: true"}},
      {"half a price",
       With("prices: {unknownModel: {inputPerMillion: \"15\"}}\n"),
       {"prices.unknownModel.outputPerMillion: is required; USD for a million output tokens"}},
      {"a price of 1e-6",
       With("prices: {unknownModel: {inputPerMillion: \"1e-6\", outputPerMillion: \"1\"}}\n"),
       {"prices.unknownModel.inputPerMillion: \"1e-6\": want a decimal amount"}},
      {"enabled a text",
       With("leaderElection: {enabled: \"yes\"}\n"),
       {"leaderElection.enabled: \"yes\" is not true or false"}},
      {"namespace", With("leaderElection: {namespace: A}\n"), {"leaderElection.namespace: \"A\""}},
      {"watched twice",
       With("watchNamespaces: [a, a]\n"),
       {"purser.yaml:8:22: watchNamespaces[1]: \"a\" is listed twice"}},
      {"no source name",
       std::string(kHead) + "sources: [{prometheus: {url: http://p, metric: m}}]\n",
       {"purser.yaml:3:11: sources[0].name: is required"}},
      {"source name twice",
       With("- {name: default, prometheus: {url: http://p, metric: m}}\n"),
       {"purser.yaml:8:4: sources[1].name: \"default\" is the name of an earlier source"}},
      {"no prometheus",
       std::string(kHead) + "sources: [{name: a}]\n",
       {"sources[0].prometheus: is required"}},
      {"no url",
       std::string(kHead) + "sources: [{name: a, prometheus: {metric: m}}]\n",
       {"prometheus.url: is required"}},
      {"no metric",
       std::string(kHead) + "sources: [{name: a, prometheus: {url: http://p}}]\n",
       {"prometheus.metric: is required; a counter of US dollars", "or name a preset"}},
      {"scheme", WithUrl("ftp://p"), {"sources[0].prometheus.url: \"ftp://p\": want a URL"}},
      {"no scheme",
       WithUrl("prometheus:9090"),
       {"prometheus.url: \"prometheus:9090\": want a URL"}},
      {"IPv6 url",
       WithUrl("'http://[::1]:9090'"),
       {"IPv6 address; use a name that resolves to it"}},
      {"port 0 in url", WithUrl("http://p:0"), {"\"http://p:0\": want a port from 1 to 65535"}},
      {"no such address", WithUrl("http://10.0.0.300"), {"want an IPv4 address of four numbers"}},
      {"user in url", WithUrl("http://u:secret@p"), {"without user or password"}},
      {"query in url", WithUrl("\"http://p/?x=1\""), {"without query"}},
      {"expression",
       WithMetric("sum(m)"),
       {"metric: \"sum(m)\": want a counter's name", "not an expression"}},
      {"label",
       WithPrometheus("labels: {agent: a-b}"),
       {"purser.yaml:8:14: sources[0].prometheus.labels.agent: \"a-b\""}},
      {"duration a number",
       WithPrometheus("scrapeInterval: 15"),
       {"scrapeInterval: 15 is not a duration such as \"15s\""}},
      {"duration", WithPrometheus("backfill: 1d"), {"backfill: \"1d\" is not a duration"}},
      {"duration out of range",
       WithPrometheus("timeout: 1h"),
       {"timeout: \"1h\" is not between 100ms and 5m"}},
      {"size",
       WithPrometheus("maxResponseBytes: 5"),
       {"maxResponseBytes: 5 is not a whole number from 65536"}},
      {"new series",
       WithPrometheus("newSeries: Skip"),
       {"newSeries: \"Skip\" is not one of Count, Baseline"}},
      {"bearer and basic",
       WithPrometheus("auth: {bearerTokenFile: /t, basic: {username: u, passwordFile: /p}}"),
       {"purser.yaml:8:33: sources[0].prometheus.auth.basic: bearerTokenFile and basic exclude "
        "each other"}},
      {"basic without file",
       WithPrometheus("auth: {basic: {username: u}}"),
       {"auth.basic.passwordFile: is required"}},
      {"password in the file",
       WithPrometheus("auth: {basic: {username: u, passwordFile: /p, password: p}}"),
       {"auth.basic.password: unknown field"}},
      {"certificate without key",
       std::string(kHead) + "sources: [{name: a, prometheus: {url: https://p, metric: m, auth: "
                            "{tls: {certFile: /c}}}}]\n",
       {"auth.tls.certFile: certFile and keyFile belong together"}},
      {"key without certificate",
       std::string(kHead) + "sources: [{name: a, prometheus: {url: https://p, metric: m, auth: "
                            "{tls: {keyFile: /k}}}}]\n",
       {"auth.tls.keyFile: certFile and keyFile belong together"}},
      {"tls on http",
       WithPrometheus("auth: {tls: {caFile: /c}}"),
       {"auth.tls: has no effect on an http:// url"}},
      {"authorization",
       WithPrometheus("auth: {headers: {Authorization: x}}"),
       {"headers.Authorization: is set by the operator"}},
      {"header a number",
       WithPrometheus("auth: {headers: {X-Scope-OrgID: 7}}"),
       {"headers.X-Scope-OrgID: 7 is not text; write it in quotes"}},
      {"header injection",
       WithPrometheus("auth: {headers: {X: \"a\\r\\nB: c\"}}"),
       {"headers.X: \"a??B: c\": want"}},
      {"headers a list",
       WithPrometheus("auth: {headers: [a]}"),
       {"auth.headers: want an object, got a list"}},
      {"ambiguous number",
       With("store: {path: 012}\n"),
       {"purser.yaml:8:15: \"012\" may be read as a number"}},
  };
  for (const auto& c : cases) {
    const auto config = ParseOperatorConfig(c.yaml, "purser.yaml");
    ASSERT_FALSE(config.ok()) << c.name;
    EXPECT_EQ(config.error().code(), ErrorCode::kInvalidArgument) << c.name;
    for (const auto& want : c.want)
      EXPECT_THAT(config.error().message(), HasSubstr(want)) << c.name;
  }
}

TEST(ConfigTest, NeverRepeatsAPassword) {
  for (const char* url : {"http://u:hunter2@p", "ftp://u:hunter2@p", "'http://p/?u:hunter2@'"}) {
    const auto config = ParseOperatorConfig(WithUrl(url), "purser.yaml");
    ASSERT_FALSE(config.ok()) << url;
    EXPECT_THAT(config.error().message(), HasSubstr("sources[0].prometheus.url: want a URL"));
    EXPECT_THAT(config.error().message(), Not(HasSubstr("hunter2")));
  }
}

TEST(ConfigTest, HeadersAreBounded) {
  std::string headers;
  for (int i = 0; i < 17; ++i) headers += "X-" + std::to_string(i) + ": a, ";
  const auto config =
      ParseOperatorConfig(WithPrometheus("auth: {headers: {" + headers + "}}"), "f");
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.error().message(), HasSubstr("headers: has 17 entries; at most 16"));
}

}  // namespace
}  // namespace purser::api
