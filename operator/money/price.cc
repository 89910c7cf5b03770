#include "money/price.h"

#include <algorithm>
#include <limits>

namespace purser {
namespace {

__extension__ typedef __int128 Wide;

constexpr int kDecimals = 15;
constexpr std::int64_t kMost = 1'000'000'000'000'000'000;  // $1,000
constexpr Wide kFemtosPerNano = 1'000'000;
constexpr std::size_t kLongestLiteral = 64;
constexpr int kLargestExponent = 1000;  // beyond it the result is 0 or too large anyway

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::size_t CountDigits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) -
                                  text.begin());
}

// The power of ten behind "e"; nothing when it is none.
std::optional<int> ParseExponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || CountDigits(text) != text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kLargestExponent);
  return negative ? -value : value;
}

// Digits and where their point stands, in femto-dollars.
std::optional<std::int64_t> ToFemtos(std::string_view whole, std::string_view fraction,
                                     int exponent) {
  const int kept = static_cast<int>(whole.size()) + exponent + kDecimals;
  const int size = static_cast<int>(whole.size() + fraction.size());
  const auto digit = [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    return at < whole.size() ? whole[at] - '0' : fraction[at - whole.size()] - '0';
  };
  Wide femtos = 0;
  for (int i = 0; i < std::max(kept, size); ++i) {
    const int value = i < size ? digit(i) : 0;
    if (i < kept) {
      femtos = femtos * 10 + value;
      if (femtos > kMost) return std::nullopt;
      if (i >= size && femtos == 0) break;  // zero stays zero, whatever the exponent
    } else if (value != 0) {
      femtos += 1;
      break;
    }
  }
  if (femtos > kMost) return std::nullopt;
  return static_cast<std::int64_t>(femtos);
}

Error Invalid(std::string_view why) { return Error(ErrorCode::kInvalidArgument, std::string(why)); }

}  // namespace

Result<TokenPrice> TokenPrice::Parse(std::string_view text) {
  if (text.size() > kLongestLiteral) return Invalid("a price longer than any number");
  if (text.starts_with('-')) return Invalid("a negative price");
  const auto whole = text.substr(0, CountDigits(text));
  text.remove_prefix(whole.size());
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = text.substr(0, CountDigits(text));
    text.remove_prefix(fraction.size());
    if (fraction.empty()) return Invalid("a price that is no number");
  }
  const auto exponent = ParseExponent(text);
  if (whole.empty() || !exponent) return Invalid("a price that is no number");
  const auto femtos = ToFemtos(whole, fraction, *exponent);
  if (!femtos) return Invalid("a price of more than $1,000 a token");
  return TokenPrice(*femtos);
}

Money CostOf(const Tokens& tokens, const TokenPrices& prices) {
  const auto product = [](Wide count, TokenPrice price) { return count * price.femtos(); };
  // What is taken back is linear; what is booked never pays back for a part without its whole.
  const bool taken_back = tokens.input < 0 || tokens.output < 0 || tokens.cached < 0 ||
                          tokens.cache_creation < 0 || tokens.reasoning < 0;
  const auto rest = [&](Wide whole, Wide parts) {
    return taken_back ? whole - parts : std::max<Wide>(whole - parts, 0);
  };
  const Wide plain_input =
      rest(tokens.input, static_cast<Wide>(tokens.cached) + tokens.cache_creation);
  const Wide plain_output = rest(tokens.output, tokens.reasoning);
  const Wide femtos = product(plain_input, prices.input) + product(plain_output, prices.output) +
                      product(tokens.cached, prices.cached.value_or(prices.input)) +
                      product(tokens.cache_creation, prices.cache_creation.value_or(prices.input)) +
                      product(tokens.reasoning, prices.reasoning.value_or(prices.output));
  // Division cuts towards zero: up for what is negative already.
  Wide nanos = femtos / kFemtosPerNano;
  if (femtos > 0 && femtos % kFemtosPerNano != 0) nanos += 1;
  constexpr Wide kMaximum = std::numeric_limits<std::int64_t>::max();
  constexpr Wide kMinimum = std::numeric_limits<std::int64_t>::min();
  return Money::FromNanos(static_cast<std::int64_t>(std::clamp(nanos, kMinimum, kMaximum)));
}

}  // namespace purser
