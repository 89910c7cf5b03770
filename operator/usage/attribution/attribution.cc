#include "usage/attribution/attribution.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace purser::usage::attribution {
namespace {

class Values {
 public:
  Values(std::span<const Label> labels, const TargetTable* targets)
      : labels_(labels), targets_(targets) {}

  // Valid as long as the labels, the table and the rule are.
  std::string_view Value(const DimensionRule& rule) const {
    for (const auto& name : rule.from) {
      auto value = LabelValue(labels_, name);
      if (IsAbsent(value) && targets_ != nullptr) value = targets_->Find(labels_, name);
      if (IsAbsent(value)) continue;
      if (rule.regex) value = rule.regex->Extract(value).value_or(std::string_view());
      if (!IsAbsent(value)) return value;
    }
    return rule.fallback;
  }

 private:
  std::span<const Label> labels_;
  const TargetTable* targets_;
};

// What a series counts, by its name and its type label.
void Classify(const SourceRules& rules, std::span<const Label> labels, Attribution& attribution) {
  if (rules.tokens.empty()) return;
  const auto name = LabelValue(labels, "__name__");
  const auto metric = std::find_if(rules.tokens.begin(), rules.tokens.end(),
                                   [&](const auto& token) { return token.name == name; });
  if (metric == rules.tokens.end()) return;
  if (metric->quantity) {
    attribution.quantity = *metric->quantity;
    return;
  }
  const auto type = ParseTokenType(LabelValue(labels, rules.type_label));
  if (type) attribution.quantity = type->quantity;
  attribution.left_out = !type || type->total;
  attribution.unknown_token_type = !type;
}

bool ReadsLabel(const DimensionRule& rule, std::string_view name) {
  return std::find(rule.from.begin(), rule.from.end(), name) != rule.from.end();
}

}  // namespace

std::string_view LabelValue(std::span<const Label> labels, std::string_view name) {
  for (const auto& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

std::optional<TokenType> ParseTokenType(std::string_view text) {
  struct Known {
    std::string_view text;
    TokenType type;
  };
  constexpr std::array<Known, 20> kKnown = {{
      {"input", {Quantity::kInputTokens}},
      {"input_tokens", {Quantity::kInputTokens}},
      {"prompt", {Quantity::kInputTokens}},
      {"prompt_tokens", {Quantity::kInputTokens}},
      {"output", {Quantity::kOutputTokens}},
      {"output_tokens", {Quantity::kOutputTokens}},
      {"completion", {Quantity::kOutputTokens}},
      {"completion_tokens", {Quantity::kOutputTokens}},
      {"cached", {Quantity::kCachedTokens}},
      {"cached_tokens", {Quantity::kCachedTokens}},
      {"cached_input", {Quantity::kCachedTokens}},
      {"input_cached", {Quantity::kCachedTokens}},
      {"cache_read", {Quantity::kCachedTokens}},
      {"cache_creation_input", {Quantity::kCacheCreationTokens}},
      {"cache_creation", {Quantity::kCacheCreationTokens}},
      {"cache_write", {Quantity::kCacheCreationTokens}},
      {"reasoning", {Quantity::kReasoningTokens}},
      {"reasoning_tokens", {Quantity::kReasoningTokens}},
      {"total", {Quantity::kInputTokens, true}},
      {"total_tokens", {Quantity::kInputTokens, true}},
  }};
  const auto* const known = std::find_if(kKnown.begin(), kKnown.end(),
                                         [&](const Known& each) { return each.text == text; });
  if (known == kKnown.end()) return std::nullopt;
  return known->type;
}

Attribution Attribute(const SourceRules& rules, std::span<const Label> labels,
                      const TargetTable* targets) {
  const Values values(labels, targets);
  Attribution attribution;
  const auto name_of = [&](const DimensionRule& rule) {
    const auto value = values.Value(rule);
    if (value.size() <= ledger::kLongestName) return value;
    attribution.shortened = true;
    return std::string_view();
  };
  const auto text_of = [&](const DimensionRule& rule) {
    const auto value = values.Value(rule);
    if (value.size() <= ledger::kLongestName) return value;
    attribution.shortened = true;
    return CutUtf8(value, ledger::kLongestName);
  };
  auto& key = attribution.key;
  key.source = rules.source;
  key.ns = name_of(rules.ns);
  key.agent = name_of(rules.agent);
  key.model = text_of(rules.model);
  key.task = text_of(rules.task);
  key.workflow = text_of(rules.workflow);
  attribution.provider = CutUtf8(values.Value(rules.provider), ledger::kLongestName);
  attribution.unattributed = key.ns.empty() || key.agent.empty();
  attribution.exported_namespace = ReadsLabel(rules.ns, "namespace") &&
                                   !ReadsLabel(rules.ns, "exported_namespace") &&
                                   !IsAbsent(LabelValue(labels, "exported_namespace"));
  Classify(rules, labels, attribution);
  return attribution;
}

}  // namespace purser::usage::attribution
