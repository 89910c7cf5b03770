#include "money/amounts.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>

namespace purser {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

Amounts Every(std::int64_t value) {
  return {Money::FromNanos(value), value, value, value, value, value, value, value,
          Money::FromNanos(value)};
}

TEST(Amounts, AddEachFieldToItsOwn) {
  const Amounts a{Money::FromNanos(1), 2, 3, 4, 5, 6, 7, 8, Money::FromNanos(9)};
  const Amounts b{Money::FromNanos(10), 20, 30, 40, 50, 60, 70, 80, Money::FromNanos(90)};
  EXPECT_EQ(a + b,
            (Amounts{Money::FromNanos(11), 22, 33, 44, 55, 66, 77, 88, Money::FromNanos(99)}));
  EXPECT_EQ(b - a,
            (Amounts{Money::FromNanos(9), 18, 27, 36, 45, 54, 63, 72, Money::FromNanos(81)}));
  Amounts sum = a;
  sum += b;
  sum -= a;
  EXPECT_EQ(sum, b);
  EXPECT_EQ(a - a, Amounts());
  EXPECT_TRUE((a - a).IsZero());
}

TEST(Amounts, OneFieldAloneIsNotZero) {
  EXPECT_TRUE(Amounts().IsZero());
  for (std::int64_t Amounts::*field :
       {&Amounts::calls, &Amounts::failed_calls, &Amounts::input_tokens, &Amounts::output_tokens,
        &Amounts::cached_tokens, &Amounts::reasoning_tokens, &Amounts::latency_ms}) {
    Amounts amounts;
    amounts.*field = -1;
    EXPECT_FALSE(amounts.IsZero());
  }
  EXPECT_FALSE(CostOf(Money::FromNanos(1)).IsZero());
  EXPECT_FALSE((Amounts{.cost = Money(), .estimated = Money::FromNanos(1)}).IsZero());
  EXPECT_EQ(CostOf(Money::FromNanos(5)), Amounts{.cost = Money::FromNanos(5)});
}

TEST(Amounts, SaturateAtBothEnds) {
  EXPECT_EQ(Every(kMost) + Every(1), Every(kMost));
  EXPECT_EQ(Every(kMost) + Every(kMost), Every(kMost));
  EXPECT_EQ(Every(kLeast) + Every(-1), Every(kLeast));
  EXPECT_EQ(Every(kLeast) - Every(1), Every(kLeast));
  EXPECT_EQ(Every(kLeast) - Every(kMost), Every(kLeast));
  EXPECT_EQ(Every(0) - Every(kLeast), Every(kMost));
  EXPECT_EQ(Every(kMost) - Every(-1), Every(kMost));
  EXPECT_EQ(Every(kMost) - Every(kMost), Amounts());
  EXPECT_EQ(Every(kLeast) + Every(kMost), Every(-1));
}

// One field at its end leaves the others exact.
TEST(Amounts, FieldsSaturateApart) {
  Amounts a = Every(5);
  a.calls = kMost;
  Amounts expected = Every(10);
  expected.calls = kMost;
  EXPECT_EQ(a + Every(5), expected);
}

TEST(Amounts, EqualTheSumInMoreBitsCutToTheRange) {
  __extension__ typedef __int128 Wide;
  std::mt19937_64 random(10);
  const auto any = [&]() -> std::int64_t {
    const auto bits = static_cast<std::int64_t>(random());
    return bits >> (random() % 64);
  };
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t a = any();
    const std::int64_t b = any();
    const auto cut = [](Wide value) {
      return static_cast<std::int64_t>(value > kMost ? kMost : value < kLeast ? kLeast : value);
    };
    ASSERT_EQ(Every(a) + Every(b), Every(cut(static_cast<Wide>(a) + b))) << a << " + " << b;
    ASSERT_EQ(Every(a) - Every(b), Every(cut(static_cast<Wide>(a) - b))) << a << " - " << b;
  }
}

TEST(Amounts, SharesAreRoundedUp) {
  EXPECT_EQ(ShareOf(Every(10), 1, 3), Every(4));
  EXPECT_EQ(ShareOf(Every(-10), 1, 3), Every(-3));
  EXPECT_EQ(ShareOf(Every(10), 0, 3), Amounts());
  EXPECT_EQ(ShareOf(Every(10), 3, 3), Every(10));
  EXPECT_EQ(ShareOf(Every(kMost), 59'999, 60'000),
            Every(kMost - kMost / 60'000));  // without overflow
}

TEST(Amounts, NotBelowZero) {
  Amounts mixed = Every(-7);
  mixed.cost = Money::FromNanos(3);
  EXPECT_EQ(NotBelowZero(mixed), CostOf(Money::FromNanos(3)));
}

}  // namespace
}  // namespace purser
