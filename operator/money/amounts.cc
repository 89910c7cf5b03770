#include "money/amounts.h"

#include <algorithm>
#include <limits>

namespace purser {
namespace {

__extension__ typedef __int128 Wide;

std::int64_t Add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

std::int64_t Subtract(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

template <typename Combine>
Amounts EachField(const Amounts& a, const Amounts& b, const Combine& combine) {
  return {.cost = Money::FromNanos(combine(a.cost.nanos(), b.cost.nanos())),
          .calls = combine(a.calls, b.calls),
          .failed_calls = combine(a.failed_calls, b.failed_calls),
          .input_tokens = combine(a.input_tokens, b.input_tokens),
          .output_tokens = combine(a.output_tokens, b.output_tokens),
          .cached_tokens = combine(a.cached_tokens, b.cached_tokens),
          .reasoning_tokens = combine(a.reasoning_tokens, b.reasoning_tokens),
          .latency_ms = combine(a.latency_ms, b.latency_ms),
          .estimated = Money::FromNanos(combine(a.estimated.nanos(), b.estimated.nanos()))};
}

// Rounded up, also below zero.
std::int64_t Share(std::int64_t amount, std::int64_t part, std::int64_t whole) {
  const Wide product = static_cast<Wide>(amount) * part;
  const Wide rounded = product > 0 ? product + whole - 1 : product;
  return static_cast<std::int64_t>(rounded / whole);
}

}  // namespace

Amounts operator+(const Amounts& a, const Amounts& b) { return EachField(a, b, Add); }
Amounts operator-(const Amounts& a, const Amounts& b) { return EachField(a, b, Subtract); }

Amounts ShareOf(const Amounts& amounts, std::int64_t part, std::int64_t whole) {
  return EachField(amounts, Amounts(), [part, whole](std::int64_t amount, std::int64_t) {
    return Share(amount, part, whole);
  });
}

Amounts HigherOf(const Amounts& a, const Amounts& b) {
  auto higher =
      EachField(a, b, [](std::int64_t one, std::int64_t other) { return std::max(one, other); });
  higher.estimated = a.cost >= b.cost ? a.estimated : b.estimated;
  return higher;
}

Amounts NotBelowZero(const Amounts& amounts) {
  return EachField(amounts, Amounts(),
                   [](std::int64_t amount, std::int64_t zero) { return std::max(amount, zero); });
}

}  // namespace purser
