// What calls of models came to: every figure a budget's unit may be made of, together.
#pragma once

#include <cstdint>

#include "money/money.h"

namespace purser {

// Saturates at the ends of int64, field by field, instead of overflowing. A reversal is negative.
struct Amounts {
  Money cost;                         // nano-dollars
  std::int64_t calls = 0;             // requests to a model
  std::int64_t failed_calls = 0;      // of `calls`
  std::int64_t input_tokens = 0;      // cached ones included
  std::int64_t output_tokens = 0;     // reasoning included
  std::int64_t cached_tokens = 0;     // of `input_tokens`
  std::int64_t reasoning_tokens = 0;  // of `output_tokens`
  std::int64_t latency_ms = 0;        // summed over calls
  Money estimated{};                  // of `cost`: of models without a price, at the estimate

  bool operator==(const Amounts&) const = default;
  bool IsZero() const { return *this == Amounts(); }

  friend Amounts operator+(const Amounts& a, const Amounts& b);
  friend Amounts operator-(const Amounts& a, const Amounts& b);
  Amounts& operator+=(const Amounts& other) { return *this = *this + other; }
  Amounts& operator-=(const Amounts& other) { return *this = *this - other; }
};

constexpr Amounts CostOf(Money cost) { return {.cost = cost}; }

// amounts * part / whole, each field rounded up; 0 <= part <= whole, whole > 0.
Amounts ShareOf(const Amounts& amounts, std::int64_t part, std::int64_t whole);
// Field by field; what is estimated is of the higher cost.
Amounts HigherOf(const Amounts& a, const Amounts& b);
// Each field that is negative becomes 0.
Amounts NotBelowZero(const Amounts& amounts);

}  // namespace purser
