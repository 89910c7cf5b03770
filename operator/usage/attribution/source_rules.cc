#include "usage/attribution/source_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "usage/attribution/presets.h"

namespace purser::usage::attribution {
namespace {

DimensionRule Ready(const api::LabelRule& rule) {
  DimensionRule ready{rule.from, std::nullopt, rule.fallback};
  if (!rule.regex.empty()) {
    auto pattern = Pattern::Compile(rule.regex);
    // The configuration was checked; what cannot be read names nobody.
    if (!pattern.ok()) return {{}, std::nullopt, rule.fallback};
    ready.regex = std::move(*pattern);
  }
  return ready;
}

void Override(const std::optional<api::LabelRule>& rule, DimensionRule& into) {
  if (rule) into = Ready(*rule);
}

// Splits `metric` into its name and what stands between the braces, without a last comma.
std::pair<std::string, std::string> SplitSelector(std::string_view metric) {
  const auto brace = metric.find('{');
  if (brace == std::string_view::npos) return {std::string(metric), ""};
  auto matchers = metric.substr(brace + 1, metric.size() - brace - 2);
  while (!matchers.empty() && (matchers.back() == ' ' || matchers.back() == ','))
    matchers.remove_suffix(1);
  return {std::string(metric.substr(0, brace)), std::string(matchers)};
}

void OverrideTokens(const api::TokenMetrics& tokens, SourceRules& rules) {
  rules.tokens.clear();
  rules.type_label = tokens.type_label;
  rules.one_metric_a_kind = false;
  const auto add = [&](const std::string& name, std::optional<Quantity> quantity) {
    if (!name.empty()) rules.tokens.push_back({name, quantity});
  };
  add(tokens.input, Quantity::kInputTokens);
  add(tokens.output, Quantity::kOutputTokens);
  add(tokens.cached, Quantity::kCachedTokens);
  add(tokens.reasoning, Quantity::kReasoningTokens);
  add(tokens.metric, std::nullopt);
}

void AppendMatcher(std::string& text, std::string_view label, std::string_view value) {
  if (!text.empty()) text += ',';
  text.append(label).append("=\"");
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  text += '"';
}

}  // namespace

bool IsAbsent(std::string_view value) {
  constexpr std::array<std::string_view, 4> kAbsent = {"", "None", "unknown", "null"};
  return std::find(kAbsent.begin(), kAbsent.end(), value) != kAbsent.end();
}

std::vector<std::string> SourceRules::Metrics() const {
  std::vector<std::string> names = cost_metrics;
  for (const auto& token : tokens) names.push_back(token.name);
  return names;
}

SourceRules RulesOf(const api::SourceConfig& source) {
  const auto& config = source.prometheus;
  SourceRules rules;
  rules.source = source.name;
  ApplyPreset(config.preset, rules);
  if (!config.metric.empty()) {
    auto [name, matchers] = SplitSelector(config.metric);
    rules.cost_metrics.clear();
    if (!name.empty()) rules.cost_metrics.push_back(std::move(name));
    rules.matchers = std::move(matchers);
    rules.one_cost_metric = false;
  } else if (config.metrics) {
    rules.cost_metrics = *config.metrics;
    rules.one_cost_metric = false;
  }
  if (config.tokens) OverrideTokens(*config.tokens, rules);
  rules.priced = config.metric.empty() && rules.cost_metrics.empty() && !rules.tokens.empty();
  Override(config.labels.ns, rules.ns);
  Override(config.labels.agent, rules.agent);
  Override(config.labels.model, rules.model);
  Override(config.labels.task, rules.task);
  Override(config.labels.workflow, rules.workflow);
  rules.match.assign(config.match.begin(), config.match.end());
  rules.ignore_labels = config.ignore_labels;
  return rules;
}

std::string Selector(const SourceRules& rules) {
  const auto names = rules.Metrics();
  std::string matchers;
  if (names.size() > 1) {
    matchers = "__name__=~\"";
    for (std::size_t i = 0; i < names.size(); ++i) matchers += (i == 0 ? "" : "|") + names[i];
    matchers += '"';
  }
  if (!rules.matchers.empty()) matchers += (matchers.empty() ? "" : ",") + rules.matchers;
  for (const auto& [label, value] : rules.match) AppendMatcher(matchers, label, value);
  std::string selector = names.size() == 1 ? names.front() : "";
  if (!matchers.empty()) selector += "{" + matchers + "}";
  return selector;
}

std::optional<std::string> AuxiliarySelector(const SourceRules& rules) {
  if (!rules.target_info) return std::nullopt;
  std::string matchers;
  for (const auto& [label, value] : rules.match) AppendMatcher(matchers, label, value);
  return matchers.empty() ? "target_info" : "target_info{" + matchers + "}";
}

}  // namespace purser::usage::attribution
