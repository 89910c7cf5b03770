// Who spent what a series counts. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ledger/spend_key.h"
#include "usage/attribution/source_rules.h"
#include "usage/attribution/target_table.h"
#include "usage/meter/meter.h"

namespace purser::usage::attribution {

struct Attribution {
  ledger::SpendKey key;
  std::string provider;  // for the price of a model; "" where the series tells none
  Quantity quantity = Quantity::kCost;
  bool left_out = false;            // nothing of it is to be booked: a row that sums up others
  bool unknown_token_type = false;  // left out because its kind of token is not known: to be told
  bool unattributed = false;        // no namespace, or no agent
  bool shortened = false;           // a label was longer than the ledger keeps
  // The namespace was read off a label that Prometheus gave, while the meter's own was renamed to
  // exported_namespace: honorLabels is missing.
  bool exported_namespace = false;
};

// A dimension is the first label of its rule with a value that is not absent and that its regular
// expression takes; else its default. A model, task or workflow longer than the ledger keeps is
// cut (at a character's start); a namespace or an agent that long is nobody's name and counts as
// absent. `targets`: may be null; asked for what the series itself does not tell.
Attribution Attribute(const SourceRules& rules, std::span<const Label> labels,
                      const TargetTable* targets = nullptr);

// What kind of token a value of a type label means: "cached_input", "completion_tokens". Nothing:
// none that is known. `total`: a sum of the others.
struct TokenType {
  Quantity quantity = Quantity::kInputTokens;
  bool total = false;
};
std::optional<TokenType> ParseTokenType(std::string_view text);

// "" when there is none.
std::string_view LabelValue(std::span<const Label> labels, std::string_view name);

}  // namespace purser::usage::attribution
