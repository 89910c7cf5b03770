// The fields of a Prometheus source of the configuration, as a table. Inside api/ only.
#pragma once

#include <array>
#include <chrono>

#include "api/config.h"
#include "api/field_kinds.h"

namespace purser::api {

inline constexpr std::int64_t kMostHeaders = 16;
inline constexpr std::int64_t kMostMetrics = 16;
inline constexpr std::int64_t kMostMatchers = 16;
inline constexpr std::int64_t kMostLabels = 32;
inline constexpr std::int64_t kMostFallbacks = 8;
inline constexpr std::int64_t kMostWarnings = 16;
inline constexpr std::int64_t kSmallestResponse = std::int64_t{64} << 10;
inline constexpr std::int64_t kLargestResponse = std::int64_t{1} << 30;

inline constexpr std::array kNewSeriesChoices = {
    Choice<NewSeries>{"Count", NewSeries::kCount},
    Choice<NewSeries>{"Baseline", NewSeries::kBaseline},
};

inline constexpr std::array kPresets = {
    Choice<Preset>{"plain", Preset::kPlain},
    Choice<Preset>{"litellm", Preset::kLiteLlm},
    Choice<Preset>{"agentgateway", Preset::kAgentgateway},
    Choice<Preset>{"envoy-ai-gateway", Preset::kEnvoyAiGateway},
    Choice<Preset>{"kong", Preset::kKong},
    Choice<Preset>{"bifrost", Preset::kBifrost},
    Choice<Preset>{"claude-code", Preset::kClaudeCode},
    Choice<Preset>{"otel-genai", Preset::kOtelGenAi},
    Choice<Preset>{"kelos", Preset::kKelos},
};

inline constexpr std::array kLabelRule = {
    TextListField<&LabelRule::from>("from", &LabelName, kMostFallbacks),
    TextField<&LabelRule::regex>("regex", &RegularExpression),
    TextField<&LabelRule::fallback>("default", &LabelValue),
};

// A label's name, or an object of kLabelRule.
template <auto kMember>
constexpr auto LabelRuleField(std::string_view name) {
  return Field<LabelRules>{
      .name = name,
      .read =
          [](ReadContext& context, simdjson::dom::element element, LabelRules& into,
             const Field<LabelRules>&) {
            auto& rule = (into.*kMember).emplace();
            if (element.is_object()) {
              ReadFields(context, element, kLabelRule, rule);
            } else {
              ReadText(context, element, &LabelName, rule.from.emplace_back());
            }
          },
      .describe =
          [](const Field<LabelRules>&, const std::string& path, std::vector<KnownField>& into) {
            into.push_back({path, "object", true, {}, {}});
            DescribeFields(kLabelRule, path, into);
          }};
}

inline constexpr std::array kLabels = {
    LabelRuleField<&LabelRules::ns>("namespace"),      LabelRuleField<&LabelRules::agent>("agent"),
    LabelRuleField<&LabelRules::model>("model"),       LabelRuleField<&LabelRules::task>("task"),
    LabelRuleField<&LabelRules::workflow>("workflow"),
};

inline constexpr std::array kTokens = {
    TextField<&TokenMetrics::input>("input", &MetricName),
    TextField<&TokenMetrics::output>("output", &MetricName),
    TextField<&TokenMetrics::cached>("cached", &MetricName),
    TextField<&TokenMetrics::reasoning>("reasoning", &MetricName),
    TextField<&TokenMetrics::metric>("metric", &MetricName),
    TextField<&TokenMetrics::type_label>("typeLabel", &LabelName),
};

inline constexpr std::array kBasic = {
    Required(TextField<&PrometheusAuth::basic_username>("username", &HeaderValue),
             "the user's name"),
    Required(TextField<&PrometheusAuth::basic_password_file>("passwordFile", &FilePath),
             "the path of a file that holds the password"),
};

inline constexpr std::array kTls = {
    TextField<&PrometheusAuth::ca_file>("caFile", &FilePath),
    TextField<&PrometheusAuth::cert_file>("certFile", &FilePath),
    TextField<&PrometheusAuth::key_file>("keyFile", &FilePath),
};

inline constexpr std::array kAuth = {
    TextField<&PrometheusAuth::bearer_token_file>("bearerTokenFile", &FilePath),
    InlineObjectField<PrometheusAuth, kBasic>("basic"),
    InlineObjectField<PrometheusAuth, kTls>("tls"),
    TextMapField<&PrometheusAuth::headers>("headers", &HeaderName, &HeaderValue, kMostHeaders),
};

inline constexpr std::array kPrometheus = {
    Required(TextField<&PrometheusConfig::url>("url", &HttpUrl),
             "the address of Prometheus, such as http://prometheus:9090"),
    ChoiceField<&PrometheusConfig::preset, kPresets>("preset"),
    TextField<&PrometheusConfig::metric>("metric", &MetricSelector),
    TextListField<&PrometheusConfig::metrics>("metrics", &MetricName, kMostMetrics),
    OptionalObjectField<&PrometheusConfig::tokens, kTokens>("tokens"),
    TextMapField<&PrometheusConfig::match>("match", &LabelName, &LabelValue, kMostMatchers),
    ObjectField<&PrometheusConfig::labels, kLabels>("labels"),
    TextListField<&PrometheusConfig::ignore_labels>("ignoreLabels", &LabelName, kMostLabels),
    DurationField<&PrometheusConfig::scrape_interval>(
        "scrapeInterval", std::chrono::milliseconds(100), std::chrono::hours(1)),
    DurationField<&PrometheusConfig::interval>("interval", std::chrono::seconds(1),
                                               std::chrono::hours(1)),
    DurationField<&PrometheusConfig::timeout>("timeout", std::chrono::milliseconds(100),
                                              std::chrono::minutes(5)),
    DurationField<&PrometheusConfig::backfill>("backfill", std::chrono::seconds(0),
                                               std::chrono::hours(24 * 400)),
    DurationField<&PrometheusConfig::lateness>("lateness", std::chrono::seconds(0),
                                               std::chrono::hours(24)),
    IntegerField<&PrometheusConfig::max_response_bytes>("maxResponseBytes", kSmallestResponse,
                                                        kLargestResponse),
    ChoiceField<&PrometheusConfig::new_series, kNewSeriesChoices>("newSeries"),
    MoneyField<&PrometheusConfig::plausible_per_second>("plausiblePerSecond"),
    TextListField<&PrometheusConfig::accept_warnings>("acceptWarnings", &RegularExpression,
                                                      kMostWarnings),
    ObjectField<&PrometheusConfig::auth, kAuth>("auth"),
};

// What concerns several fields of one source, at the place of the source.
void CheckPrometheus(ReadContext& context, const PrometheusConfig& prometheus);

}  // namespace purser::api
