// How much of what a budget counts: an exact integer in the smallest part of its unit.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "money/money.h"

namespace purser {

enum class Unit { kUsd, kTokens, kRequests };

// Nano-dollars, whole tokens or whole requests: which of them, whoever holds it knows.
class Quantity {
 public:
  constexpr Quantity() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): money is a quantity of USD
  constexpr Quantity(Money money) : count_(money.nanos()) {}
  static constexpr Quantity Of(std::int64_t count) { return Quantity(Money::FromNanos(count)); }

  constexpr std::int64_t count() const { return count_; }
  constexpr auto operator<=>(const Quantity&) const = default;

  // Saturates, as Money does.
  friend Quantity operator+(Quantity a, Quantity b);
  friend Quantity operator-(Quantity a, Quantity b);
  Quantity& operator+=(Quantity other) { return *this = *this + other; }

 private:
  std::int64_t count_ = 0;
};

// "41.24" (USD), "1200": exact, as a limit is written.
std::string ToDecimal(Quantity quantity, Unit unit);
// "$41.24", "1200 tokens", "1 request": for people.
std::string ToText(Quantity quantity, Unit unit);
// As a limit is written: Money::ParseLimit, or a whole number of up to 15 digits. Error:
// kInvalidArgument.
Result<Quantity> ParseQuantity(std::string_view text, Unit unit);

// As of Money.
bool ReachesPercent(Quantity spent, Quantity limit, std::int32_t percent);
std::int32_t PercentUsed(Quantity spent, Quantity limit);

}  // namespace purser
