// OperatorConfig: YAML -> strict tree -> JSON -> struct, by the same tables of fields as the
// resources.
#include "api/config.h"

#include <algorithm>
#include <array>
#include <set>

#include "api/field_kinds.h"
#include "api/located_problem.h"
#include "api/prometheus_fields.h"
#include "api/yaml_document.h"

namespace purser::api {
namespace {

constexpr std::int64_t kMostSources = 16;
constexpr std::int64_t kMostNamespaces = 1000;
constexpr std::int64_t kMostWebhooks = 8;
enum class Only { kValue };

constexpr std::array kApiVersions = {Choice<Only>{kConfigApiVersion}};
constexpr std::array kKinds = {Choice<Only>{kConfigKind}};
constexpr std::array kStoreTypes = {
    Choice<Only>{"SQLite"},
    Choice<Only>{"PostgreSQL", {}, "use SQLite"},
};
constexpr std::array kServerTls = {
    Required(TextField<&ServerTls::cert_file>("certFile", &FilePath),
             "a PEM file, the certificate with its chain"),
    Required(TextField<&ServerTls::key_file>("keyFile", &FilePath), "a PEM file, its key"),
};
constexpr std::array kServer = {
    TextField<&ServerConfig::address>("address", &HostAndPort),
    OptionalObjectField<&ServerConfig::tls, kServerTls>("tls"),
    TextField<&ServerConfig::tokens_file>("tokensFile", &FilePath),
    TextField<&ServerConfig::metrics_address>("metricsAddress", &HostAndPort),
    BooleanField<&ServerConfig::authenticate_metrics>("authenticateMetrics"),
};

constexpr std::array kLeaderElection = {
    BooleanField<&LeaderElectionConfig::enabled>("enabled"),
    TextField<&LeaderElectionConfig::ns>("namespace", &DnsLabel),
    TextField<&LeaderElectionConfig::lease_name>("leaseName", &DnsSubdomain),
};

constexpr std::array kStore = {
    OnlyChoiceField<StoreConfig, kStoreTypes>("type"),
    TextField<&StoreConfig::path>("path", &FilePath),
    Refused<StoreConfig>("dsnFile", "use type SQLite with a path"),
};

constexpr std::array kCounts = {
    Choice<CountsConfig>{"Higher", CountsConfig::kHigher},
    Choice<CountsConfig>{"Prometheus", CountsConfig::kPrometheus},
    Choice<CountsConfig>{"Records", CountsConfig::kRecords},
};

constexpr std::array kSource = {
    Required(TextField<&SourceConfig::name>("name", &DnsLabel),
             "what budgets call this source; \"default\" is the one they use when they name none"),
    ObjectField<&SourceConfig::prometheus, kPrometheus>("prometheus"),
    BooleanField<&SourceConfig::usage>("usage"),
    ChoiceField<&SourceConfig::counts, kCounts>("counts"),
};

constexpr std::array kUnknownModel = {
    Required(MoneyField<&UnknownModelPrice::input_per_million>("inputPerMillion"),
             "USD for a million input tokens, such as \"15\""),
    Required(MoneyField<&UnknownModelPrice::output_per_million>("outputPerMillion"),
             "USD for a million output tokens, such as \"75\""),
};

constexpr std::array kPrices = {
    TextField<&PricesConfig::file>("file", &FilePath),
    OptionalObjectField<&PricesConfig::unknown_model, kUnknownModel>("unknownModel"),
};

constexpr std::array kLimitWebhook = {
    Required(TextField<&LimitWebhook::name>("name", &DnsLabel), "what pools call this webhook"),
    Required(TextField<&LimitWebhook::url>("url", &HttpUrl),
             "where limits are posted, such as https://gateway:8443/limits"),
    Required(TextField<&LimitWebhook::secret_file>("secretFile", &FilePath),
             "a file with the secret that posts are signed with"),
    TextField<&LimitWebhook::ca_file>("caFile", &FilePath),
    DurationField<&LimitWebhook::timeout>("timeout", std::chrono::milliseconds(100),
                                          std::chrono::minutes(1)),
};

constexpr std::array kConfig = {
    Required(OnlyChoiceField<OperatorConfig, kApiVersions>("apiVersion"),
             "write config.purser.dev/v1alpha1"),
    Required(OnlyChoiceField<OperatorConfig, kKinds>("kind"), "write OperatorConfig"),
    ObjectField<&OperatorConfig::server, kServer>("server"),
    ObjectField<&OperatorConfig::leader_election, kLeaderElection>("leaderElection"),
    TextListField<&OperatorConfig::watch_namespaces>("watchNamespaces", &DnsLabel, kMostNamespaces),
    ObjectField<&OperatorConfig::store, kStore>("store"),
    Required(ObjectListField<&OperatorConfig::sources, kSource>("sources", kMostSources),
             "where spend is read; name one \"default\""),
    ObjectField<&OperatorConfig::prices, kPrices>("prices"),
    ObjectListField<&OperatorConfig::limit_webhooks, kLimitWebhook>("limitWebhooks", kMostWebhooks),
};

void CheckWebhooks(ReadContext& context, const std::vector<LimitWebhook>& webhooks) {
  const ReadContext::Step step(context, "limitWebhooks");
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    if (names.insert(webhooks[i].name).second) continue;
    const ReadContext::Step at(context, i);
    context.Fail(Quoted(webhooks[i].name) + " is the name of an earlier webhook; names are unique",
                 {{"name"}});
  }
}

void CheckSources(ReadContext& context, const std::vector<SourceConfig>& sources) {
  const ReadContext::Step step(context, "sources");
  if (sources.empty()) context.Fail("is empty; list at least one source, and name one \"default\"");
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const ReadContext::Step at(context, i);
    if (!names.insert(sources[i].name).second) {
      context.Fail(Quoted(sources[i].name) + " is the name of an earlier source; names are unique",
                   {{"name"}});
    }
    if (context.Failed("prometheus")) continue;
    if (!sources[i].has_both() && sources[i].counts != CountsConfig::kHigher) {
      context.Fail("is for a source with both meters, prometheus and usage: true; remove it",
                   {{"counts"}});
    }
    if (sources[i].reads_prometheus()) {
      const ReadContext::Step prometheus(context, "prometheus");
      CheckPrometheus(context, sources[i].prometheus);
    } else if (!sources[i].usage) {
      context.Fail(
          "is required; where spend is read, such as {url: http://prometheus:9090, metric: "
          "agent_cost_usd_total}; or usage: true, for call records over HTTP",
          {{"prometheus"}});
    }
  }
}

// Records need somewhere to come in, and the API a certificate.
void CheckServer(ReadContext& context, const OperatorConfig& config) {
  const bool records = std::ranges::any_of(config.sources, &SourceConfig::usage);
  const ReadContext::Step step(context, "server");
  const auto& server = config.server;
  if (records && server.address.empty()) {
    context.Fail(
        "is required by a source with usage: true; where call records come in, such as "
        "\"0.0.0.0:8443\"",
        {{"address"}});
  }
  if (!server.address.empty() && !server.tls) {
    context.Fail(
        "is required beside address; {certFile: …, keyFile: …}: the API is served over TLS",
        {{"tls"}});
  }
  if (server.address.empty() && (server.tls || !server.tokens_file.empty()))
    context.Fail("is required by tls and tokensFile; such as \"0.0.0.0:8443\"", {{"address"}});
}

}  // namespace

Result<OperatorConfig> ReadOperatorConfig(const YamlNode& document,
                                          std::vector<LocatedProblem>& problems) {
  ReadContext context(UnknownFields::kReject);
  OperatorConfig config;
  const auto read = ReadDocument(document, context, problems, [&](simdjson::dom::element root) {
    ReadFields(context, root, kConfig, config);
    if (!context.Failed("sources")) CheckSources(context, config.sources);
    if (!context.Failed("limitWebhooks")) CheckWebhooks(context, config.limit_webhooks);
    if (!context.Failed("sources") && !context.Failed("server")) CheckServer(context, config);
    return Ok();
  });
  if (!read) return read.error();
  return config;
}

Result<OperatorConfig> ParseOperatorConfig(std::string_view yaml, std::string_view file) {
  const auto text = ParseYaml(yaml);
  std::vector<LocatedProblem> problems;
  const auto failed = [&](const YamlPlace& place, const std::string& message) {
    return Error(ErrorCode::kInvalidArgument, LocationText(file, place) + ": " + message);
  };
  if (!text.errors.empty()) return failed(text.errors.front().place, text.errors.front().message);
  if (text.documents.empty())
    return failed({}, "is empty; want apiVersion config.purser.dev/v1alpha1, kind OperatorConfig");
  if (text.documents.size() > 1)
    return failed(text.documents[1].place, "more than one document; keep one");
  auto config = ReadOperatorConfig(text.documents.front(), problems);
  if (problems.empty()) return config;
  const auto& first = problems.front();
  const auto others = problems.size() - 1;
  return failed(
      first.place,
      first.message + (others == 0 ? "" : " (and " + std::to_string(others) + " more problems)"));
}

}  // namespace purser::api
