// Amounts of money and of other budget units as exact integers; nothing here rounds silently.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser {

// An amount in nano-dollars (1e-9 USD): int64, so up to about 9.2 billion dollars either way.
class Money {
 public:
  static constexpr std::int64_t kNanosPerDollar = 1'000'000'000;

  constexpr Money() = default;
  static constexpr Money FromNanos(std::int64_t nanos) { return Money(nanos); }

  // "50", "0.000000001": the CRD's pattern ^(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$. Error:
  // kInvalidArgument.
  static Result<Money> ParseLimit(std::string_view text);

  // A decimal or scientific floating-point literal such as Prometheus prints ("12.5", "3e-07"),
  // rounded half up to the nano-dollar, without passing through double.
  // Error kInvalidArgument: NaN, infinity, negative, malformed (also "1." and ".5": Prometheus
  // prints neither), longer than 512 characters, or beyond int64 nano-dollars. "-0" is 0.
  static Result<Money> ParseSample(std::string_view text);

  constexpr std::int64_t nanos() const { return nanos_; }
  constexpr auto operator<=>(const Money&) const = default;

  // Saturates at the ends of int64 instead of overflowing (an impossible sum must never look
  // small).
  friend Money operator+(Money a, Money b);
  friend Money operator-(Money a, Money b);
  Money& operator+=(Money other) { return *this = *this + other; }

  // "41.24", "0.000000001", "50": exact, no trailing zeros, no exponent.
  std::string ToDecimal() const;
  // "$41.24", "$50", "$0.50": for people; cut to the cent, except below a dollar, where it is
  // exact.
  std::string ToDollars() const;

 private:
  explicit constexpr Money(std::int64_t nanos) : nanos_(nanos) {}
  std::int64_t nanos_ = 0;
};

// Decimals of a dollar in a nano-dollar.
inline constexpr int kMoneyDecimals = 9;

// As Money::ParseSample, but in units of 10^-decimals: 0 for tokens and calls. `decimals`: 0 to 9.
Result<std::int64_t> ParseScaled(std::string_view text, std::size_t decimals);

// spent * 100 >= percent * limit, in 128 bits: the only way a threshold is compared.
// A limit of 0 is reached by any percent, even at spent 0 ("nothing may be spent").
bool ReachesPercent(Money spent, Money limit, std::int32_t percent);

// floor(100 * spent / limit), saturated to [0, 1'000'000]; limit 0 gives 100.
std::int32_t PercentUsed(Money spent, Money limit);

}  // namespace purser
