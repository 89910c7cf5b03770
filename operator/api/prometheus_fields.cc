#include "api/prometheus_fields.h"

namespace purser::api {
namespace {

void CheckAuth(ReadContext& context, const PrometheusConfig& prometheus) {
  const ReadContext::Step step(context, "auth");
  const auto& auth = prometheus.auth;
  if (!auth.bearer_token_file.empty() && !auth.basic_username.empty()) {
    context.Fail("bearerTokenFile and basic exclude each other; keep one", {{"basic"}});
  }
  if (auth.cert_file.empty() != auth.key_file.empty()) {
    context.Fail("certFile and keyFile belong together; give both or none",
                 {{"tls"}, {auth.cert_file.empty() ? "keyFile" : "certFile"}});
  }
  const bool tls = !auth.ca_file.empty() || !auth.cert_file.empty() || !auth.key_file.empty();
  if (tls && prometheus.url.starts_with("http:")) {
    context.Fail("has no effect on an http:// url; use https:// or remove it", {{"tls"}});
  }
}

void CheckTokens(ReadContext& context, const TokenMetrics& tokens) {
  const bool single = !tokens.input.empty() || !tokens.output.empty() || !tokens.cached.empty() ||
                      !tokens.reasoning.empty();
  if (single && !tokens.metric.empty()) {
    context.Fail(
        "metric is one counter for all kinds and excludes input, output, cached and reasoning",
        {{"tokens"}, {"metric"}});
  }
  if (!single && tokens.metric.empty()) {
    context.Fail("names no metric; give input and output, or metric with typeLabel, or remove it",
                 {{"tokens"}});
  }
}

void CheckMetrics(ReadContext& context, const PrometheusConfig& prometheus) {
  const bool any = !prometheus.metric.empty() || prometheus.metrics.has_value();
  if (!prometheus.metric.empty() && prometheus.metrics) {
    context.Fail("metric and metrics exclude each other; keep one", {{"metrics"}});
  }
  if (!any && prometheus.preset == Preset::kNone && !prometheus.tokens) {
    context.Fail(
        "is required; a counter of US dollars, such as agent_cost_usd_total; or name a preset",
        {{"metric"}});
  }
  const bool counts_tokens = prometheus.tokens || prometheus.preset == Preset::kEnvoyAiGateway ||
                             prometheus.preset == Preset::kOtelGenAi;
  const bool nameless = prometheus.metric.starts_with('{');
  if (nameless && (prometheus.tokens || counts_tokens)) {
    context.Fail("names no metric, so that tokens cannot be told from money; write its name",
                 {{"metric"}});
  }
  if (prometheus.metrics && prometheus.metrics->empty() && !counts_tokens) {
    context.Fail("is empty, and there are no tokens; name a counter of US dollars", {{"metrics"}});
  }
}

}  // namespace

void CheckPrometheus(ReadContext& context, const PrometheusConfig& prometheus) {
  CheckAuth(context, prometheus);
  if (!context.Failed("metric") && !context.Failed("metrics")) CheckMetrics(context, prometheus);
  if (prometheus.tokens && !context.Failed("tokens")) CheckTokens(context, *prometheus.tokens);
  if (prometheus.plausible_per_second <= Money() && !context.Failed("plausiblePerSecond")) {
    context.Fail("is not more than 0: everything new would be held in doubt; \"1\" is a dollar",
                 {{"plausiblePerSecond"}});
  }
}

}  // namespace purser::api
