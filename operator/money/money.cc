#include "money/money.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace purser {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t kMaximum = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinimum = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t kDecimals = kMoneyDecimals;
constexpr std::size_t kLimitDigits = 9;      // before the point of a limit
constexpr std::size_t kLongestSample = 512;  // the longest a double prints as is about 350
constexpr std::int64_t kLargestExponent =
    100'000;  // beyond it the result is 0 or an overflow anyway

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::size_t CountDigits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) ++count;
  return count;
}

// Untrusted text is shown shortened and in printable ASCII.
Error Invalid(std::string_view text, std::string_view why) {
  constexpr std::size_t kShown = 40;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += (c < ' ' || c > '~' || c == '"') ? '?' : c;
  if (text.size() > kShown) shown += "...";
  return Error(ErrorCode::kInvalidArgument, "\"" + shown + "\": " + std::string(why));
}

// A literal as whole and fractional digits, and a power of ten.
struct Literal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;

  std::size_t size() const { return whole.size() + fraction.size(); }
  char digit(std::size_t i) const {
    return i < whole.size() ? whole[i] : fraction[i - whole.size()];
  }
};

std::optional<std::int64_t> ParseExponent(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || CountDigits(text) != text.size()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kLargestExponent);
  return negative ? -value : value;
}

std::optional<Literal> ParseLiteral(std::string_view text) {
  Literal literal;
  if (!text.empty() && text.front() == '-') {
    literal.negative = true;
    text.remove_prefix(1);
  }
  literal.whole = text.substr(0, CountDigits(text));
  if (literal.whole.empty()) return std::nullopt;
  text.remove_prefix(literal.whole.size());
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    literal.fraction = text.substr(0, CountDigits(text));
    if (literal.fraction.empty()) return std::nullopt;
    text.remove_prefix(literal.fraction.size());
  }
  if (text.empty()) return literal;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  const auto exponent = ParseExponent(text.substr(1));
  if (!exponent) return std::nullopt;
  literal.exponent = *exponent;
  return literal;
}

// value * 10 + digit; nothing when that is beyond int64.
std::optional<std::int64_t> Append(std::int64_t value, int digit) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(value, std::int64_t{10}, &result) ||
      __builtin_add_overflow(result, std::int64_t{digit}, &result)) {
    return std::nullopt;
  }
  return result;
}

// Half up at the last decimal kept. Nothing when beyond int64.
std::optional<std::int64_t> Scale(const Literal& literal, std::size_t decimals) {
  // How many digits stand before the unit's point; may be negative.
  const std::int64_t kept =
      static_cast<std::int64_t>(literal.whole.size() + decimals) + literal.exponent;
  const auto size = static_cast<std::int64_t>(literal.size());
  std::int64_t nanos = 0;
  for (std::int64_t i = 0; i < kept; ++i) {
    if (i >= size && nanos == 0) break;  // zero stays zero, whatever the exponent
    const int digit = i < size ? literal.digit(static_cast<std::size_t>(i)) - '0' : 0;
    const auto next = Append(nanos, digit);
    if (!next) return std::nullopt;
    nanos = *next;
  }
  const bool round_up =
      kept >= 0 && kept < size && literal.digit(static_cast<std::size_t>(kept)) >= '5';
  if (!round_up) return nanos;
  if (nanos == kMaximum) return std::nullopt;
  return nanos + 1;
}

bool IsZero(const Literal& literal) {
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal.digit(i) != '0') return false;
  }
  return true;
}

// Magnitude in the unsigned type, so that the lowest int64 has one too.
std::uint64_t Magnitude(std::int64_t value) {
  return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                   : static_cast<std::uint64_t>(value);
}

// The fraction of a dollar: nine digits, trailing zeros cut down to `shortest`.
std::string FractionDigits(std::uint64_t nanos, std::size_t shortest) {
  std::string digits = std::to_string(nanos);
  digits.insert(0, kDecimals - digits.size(), '0');
  while (digits.size() > shortest && digits.back() == '0') digits.pop_back();
  return digits;
}

}  // namespace

Result<Money> Money::ParseLimit(std::string_view text) {
  constexpr std::string_view kWant =
      "want a decimal amount such as \"50\" or \"0.25\": up to 9 digits, up to 9 decimals, no "
      "sign, "
      "no exponent, no leading zero";
  const std::size_t whole = CountDigits(text);
  if (whole == 0 || whole > kLimitDigits || (whole > 1 && text.front() == '0'))
    return Invalid(text, kWant);
  std::string_view fraction;
  if (whole < text.size()) {
    if (text[whole] != '.') return Invalid(text, kWant);
    fraction = text.substr(whole + 1);
    if (fraction.empty() || fraction.size() > kDecimals ||
        CountDigits(fraction) != fraction.size()) {
      return Invalid(text, kWant);
    }
  }
  std::int64_t nanos = 0;
  for (const char c : text.substr(0, whole)) nanos = nanos * 10 + (c - '0');
  for (std::size_t i = 0; i < kDecimals; ++i)
    nanos = nanos * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  return Money(nanos);
}

Result<std::int64_t> ParseScaled(std::string_view text, std::size_t decimals) {
  if (text.size() > kLongestSample) return Invalid(text, "longer than any number");
  const auto literal = ParseLiteral(text);
  if (!literal) return Invalid(text, "not a finite decimal number");
  if (literal->negative && !IsZero(*literal))
    return Invalid(text, "negative: a counter of spend only grows");
  const auto scaled = Scale(*literal, decimals);
  if (scaled) return *scaled;
  return Invalid(text, decimals == kDecimals ? "too large: the most is 9223372036.854775807 dollars"
                                             : "too large: the most is 9223372036854775807");
}

Result<Money> Money::ParseSample(std::string_view text) {
  const auto nanos = ParseScaled(text, kDecimals);
  if (!nanos) return nanos.error();
  return Money(*nanos);
}

Money operator+(Money a, Money b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a.nanos_, b.nanos_, &sum)) sum = a.nanos_ < 0 ? kMinimum : kMaximum;
  return Money(sum);
}

Money operator-(Money a, Money b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a.nanos_, b.nanos_, &difference))
    difference = a.nanos_ < 0 ? kMinimum : kMaximum;
  return Money(difference);
}

std::string Money::ToDecimal() const {
  const std::uint64_t magnitude = Magnitude(nanos_);
  std::string text = (nanos_ < 0 ? "-" : "") + std::to_string(magnitude / kNanosPerDollar);
  const std::string fraction = FractionDigits(magnitude % kNanosPerDollar, 0);
  if (!fraction.empty()) text += "." + fraction;
  return text;
}

std::string Money::ToDollars() const {
  constexpr std::uint64_t kNanosPerCent = kNanosPerDollar / 100;
  std::uint64_t magnitude = Magnitude(nanos_);
  if (magnitude >= kNanosPerDollar) magnitude -= magnitude % kNanosPerCent;
  std::string text = (nanos_ < 0 ? "-$" : "$") + std::to_string(magnitude / kNanosPerDollar);
  const std::uint64_t fraction = magnitude % kNanosPerDollar;
  if (fraction != 0) text += "." + FractionDigits(fraction, 2);
  return text;
}

bool ReachesPercent(Money spent, Money limit, std::int32_t percent) {
  if (limit <= Money()) return true;
  return static_cast<Wide>(spent.nanos()) * 100 >= static_cast<Wide>(limit.nanos()) * percent;
}

std::int32_t PercentUsed(Money spent, Money limit) {
  constexpr Wide kMostPercent = 1'000'000;
  if (limit <= Money()) return 100;
  if (spent <= Money()) return 0;
  return static_cast<std::int32_t>(
      std::min(static_cast<Wide>(spent.nanos()) * 100 / limit.nanos(), kMostPercent));
}

}  // namespace purser
