#include "money/quantity.h"

#include <algorithm>
#include <charconv>

namespace purser {
namespace {

constexpr std::size_t kMostDigits = 15;

Money AsMoney(Quantity quantity) { return Money::FromNanos(quantity.count()); }

}  // namespace

Quantity operator+(Quantity a, Quantity b) { return AsMoney(a) + AsMoney(b); }
Quantity operator-(Quantity a, Quantity b) { return AsMoney(a) - AsMoney(b); }

std::string ToDecimal(Quantity quantity, Unit unit) {
  return unit == Unit::kUsd ? AsMoney(quantity).ToDecimal() : std::to_string(quantity.count());
}

std::string ToText(Quantity quantity, Unit unit) {
  if (unit == Unit::kUsd) return AsMoney(quantity).ToDollars();
  const char* const one = unit == Unit::kTokens ? " token" : " request";
  return std::to_string(quantity.count()) + one + (quantity.count() == 1 ? "" : "s");
}

Result<Quantity> ParseQuantity(std::string_view text, Unit unit) {
  if (unit == Unit::kUsd) {
    const auto money = Money::ParseLimit(text);
    if (!money) return money.error();
    return Quantity(*money);
  }
  const bool digits =
      !text.empty() && text.size() <= kMostDigits &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      (text == "0" || text.front() != '0');
  std::int64_t count = 0;
  if (!digits || std::from_chars(text.data(), text.data() + text.size(), count).ec != std::errc()) {
    return Error(ErrorCode::kInvalidArgument,
                 "\"" + std::string(text.substr(0, 40)) +
                     "\": want a whole number of up to 15 digits such as \"2000000\"");
  }
  return Quantity::Of(count);
}

bool ReachesPercent(Quantity spent, Quantity limit, std::int32_t percent) {
  return ReachesPercent(AsMoney(spent), AsMoney(limit), percent);
}

std::int32_t PercentUsed(Quantity spent, Quantity limit) {
  return PercentUsed(AsMoney(spent), AsMoney(limit));
}

}  // namespace purser
