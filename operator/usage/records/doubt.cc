#include "usage/records/doubt.h"

namespace purser::usage::records {
namespace {

constexpr Money kSmall = Money::FromNanos(Money::kNanosPerDollar);
constexpr Money kLargest = Money::FromNanos(1'000 * Money::kNanosPerDollar);
constexpr std::int64_t kTimesThePrice = 100'000;
constexpr std::int64_t kPlausibleTokens = 10'000'000;

}  // namespace

Judgement Judge(const Record& record, const pricing::Prices& prices) {
  Judgement judgement;
  const bool asks = !record.cost || *record.cost > kSmall;
  const auto priced = asks ? prices.Price(record.provider, record.model, record.tokens,
                                          pricing::Tier::kStandard, true)
                           : pricing::Priced{};
  judgement.cost = record.cost.value_or(priced.cost);
  if (!record.cost && !priced.known) judgement.estimated = priced.cost;
  if (record.tokens.input > kPlausibleTokens || record.tokens.output > kPlausibleTokens) {
    judgement.doubt = "more than " + std::to_string(kPlausibleTokens) + " tokens in one call";
  } else if (!record.cost || *record.cost <= kSmall) {
    return judgement;
  } else if (priced.known && priced.cost > Money()) {
    if (record.cost->nanos() / kTimesThePrice > priced.cost.nanos()) {
      judgement.doubt = "costUSD " + record.cost->ToDecimal() + " is more than 100,000 times " +
                        priced.cost.ToDecimal() + ", which its tokens cost by prices " +
                        prices.version();
    }
  } else if (*record.cost > kLargest) {
    judgement.doubt = "costUSD " + record.cost->ToDecimal() +
                      " for one call, and no tokens of a model with a price to compare it with";
  }
  return judgement;
}

}  // namespace purser::usage::records
