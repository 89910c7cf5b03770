// What a source's configuration comes to: its preset, and what is written instead of the preset's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/config.h"
#include "base/pattern.h"
#include "usage/meter/meter.h"

namespace purser::usage::attribution {

// How one dimension is read, ready for use.
struct DimensionRule {
  std::vector<std::string> from;
  std::optional<Pattern> regex;
  std::string fallback;
};

// A counter of tokens. Without a quantity, the series' label `type_label` of the rules says it.
struct TokenMetric {
  std::string name;
  std::optional<Quantity> quantity;
};

struct SourceRules {
  std::string source;
  std::vector<std::string> cost_metrics;  // names; a series of none of these or of `tokens` is cost
  std::string matchers;                   // of the configuration's `metric`, without braces
  std::vector<TokenMetric> tokens;
  std::string type_label;
  std::vector<std::pair<std::string, std::string>> match;  // label and value
  DimensionRule ns, agent, model, task, workflow, provider;
  std::vector<std::string> ignore_labels;
  // The cost metrics are names of one and the same counter: a series that goes on under another
  // name is the same series.
  bool one_cost_metric = false;
  // Tokens of one kind are one counter whatever the metric is called (both generations at once).
  bool one_metric_a_kind = false;
  // Who runs it may stand in target_info alone: TargetTable.
  bool target_info = false;
  // No counter of cost: cost is tokens times prices.
  bool priced = false;

  // Names of every metric that is read; empty when `metric` is a {selector} alone.
  std::vector<std::string> Metrics() const;
};

// `source`: of a configuration that was accepted.
SourceRules RulesOf(const api::SourceConfig& source);

// What to ask for, in one query: `cost_total{team="x",cluster="prod"}`,
// `{__name__=~"a|b",cluster="prod"}`.
std::string Selector(const SourceRules& rules);

// What else to ask for, in an instant query: `target_info`, with the matchers; nothing: nothing.
std::optional<std::string> AuxiliarySelector(const SourceRules& rules);

// None, unknown, null and "": how meters say that there is nothing.
bool IsAbsent(std::string_view value);

}  // namespace purser::usage::attribution
