#include "policy/measure.h"

#include <algorithm>

namespace purser::policy {
namespace {

// A correction may have taken back more than the prices say, and a price that came between booking
// and taking back may have made the estimate a small part of it, or none.
Money PricedCost(const Amounts& amounts) {
  return amounts.cost - std::clamp(amounts.estimated, Money(), std::max(amounts.cost, Money()));
}

}  // namespace

Quantity MeasureOf(const Amounts& amounts, const api::AgentBudgetSpec& spec) {
  if (spec.unit == Unit::kUsd && spec.on_unpriced == api::OnUnpriced::kIgnore)
    return PricedCost(amounts);
  return MeasureOf(amounts, spec.unit, spec.tokens);
}

Quantity MeasureOf(const Amounts& amounts, Unit unit, const api::TokensSpec& tokens) {
  switch (unit) {
    case Unit::kUsd:
      return amounts.cost;
    case Unit::kRequests:
      return Quantity::Of(amounts.calls);
    case Unit::kTokens:
      break;
  }
  const auto input = Quantity::Of(amounts.input_tokens);
  const auto output = Quantity::Of(amounts.output_tokens);
  const auto cached = tokens.cached == api::CachedTokens::kIgnore
                          ? Quantity::Of(amounts.cached_tokens)
                          : Quantity();
  switch (tokens.kind) {
    case api::TokenKind::kInput:
      return input - cached;
    case api::TokenKind::kOutput:
      return output;
    case api::TokenKind::kTotal:
      break;
  }
  return input + output - cached;
}

}  // namespace purser::policy
