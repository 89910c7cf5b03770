// What tokens cost, exactly: prices as integers, one rounding, up.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "money/money.h"

namespace purser {

// Of one token, in femto-dollars (1e-15 USD): up to $1,000.
class TokenPrice {
 public:
  constexpr TokenPrice() = default;
  static constexpr TokenPrice FromFemtos(std::int64_t femtos) { return TokenPrice(femtos); }
  // A nano-dollar for a million tokens is a femto-dollar for one.
  static constexpr TokenPrice PerMillion(Money money) { return TokenPrice(money.nanos()); }
  // A JSON number as catalogues write it ("1.25e-06", "0.000003", "0"), without passing through
  // double; what is finer than a femto-dollar is rounded up. Error kInvalidArgument: negative, not
  // a number, or more than $1,000.
  static Result<TokenPrice> Parse(std::string_view text);

  constexpr std::int64_t femtos() const { return femtos_; }
  constexpr auto operator<=>(const TokenPrice&) const = default;

 private:
  explicit constexpr TokenPrice(std::int64_t femtos) : femtos_(femtos) {}
  std::int64_t femtos_ = 0;
};

// Tokens by kind, nested as providers count them. Negative for what is taken back.
struct Tokens {
  std::int64_t input = 0;           // cached and cache_creation included
  std::int64_t output = 0;          // reasoning included
  std::int64_t cached = 0;          // of input, read from a cache
  std::int64_t cache_creation = 0;  // of input, written to a cache
  std::int64_t reasoning = 0;       // of output
  bool operator==(const Tokens&) const = default;
};

// Nothing: as the kind it is part of.
struct TokenPrices {
  TokenPrice input, output;
  std::optional<TokenPrice> cached, cache_creation, reasoning;
  bool operator==(const TokenPrices&) const = default;
};

// Each token once, at the price of its kind; rounded up to the nano-dollar once. Where a part is
// larger than its whole (two counters that were not read together), no more is counted than the
// part. Saturates.
Money CostOf(const Tokens& tokens, const TokenPrices& prices);

}  // namespace purser
