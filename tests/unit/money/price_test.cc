#include "money/price.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>

namespace purser {
namespace {

TokenPrice Price(const std::string& text) {
  const auto price = TokenPrice::Parse(text);
  EXPECT_TRUE(price.ok()) << text;
  return price.ok() ? *price : TokenPrice();
}

TEST(TokenPriceTest, IsReadExactly) {
  EXPECT_EQ(Price("1.25e-06").femtos(), 1'250'000'000);
  EXPECT_EQ(Price("0.00000125").femtos(), 1'250'000'000);
  EXPECT_EQ(Price("125E-8").femtos(), 1'250'000'000);
  EXPECT_EQ(Price("2.8e-08").femtos(), 28'000'000);
  EXPECT_EQ(Price("0").femtos(), 0);
  EXPECT_EQ(Price("0.0e+999").femtos(), 0);
  EXPECT_EQ(Price("1000").femtos(), 1'000'000'000'000'000'000);
  EXPECT_EQ(Price("3e-16").femtos(), 1) << "finer than a femto-dollar: up";
  EXPECT_EQ(Price("1e-999").femtos(), 1);
  EXPECT_EQ(Price("1.0000000000000001e-06").femtos(), 1'000'000'001);
  EXPECT_EQ(TokenPrice::PerMillion(Money::FromNanos(15'000'000'000)), Price("1.5e-05"));
}

TEST(TokenPriceTest, WhatIsNoPriceIsRefused) {
  for (const char* text : {"", "-1e-06", "-0", "1.", ".5", "1e", "1e-", "NaN", "inf", "0x1", "1 ",
                           "1000.0000000000000001", "1001", "1e4", "1e999", "a"}) {
    EXPECT_FALSE(TokenPrice::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(TokenPrice::Parse("0." + std::string(70, '0')).ok());
}

TEST(CostTest, CountsEachTokenOnceAtThePriceOfItsKind) {
  const TokenPrices prices{.input = Price("3e-06"),
                           .output = Price("1.5e-05"),
                           .cached = Price("3e-07"),
                           .cache_creation = Price("3.75e-06"),
                           .reasoning = Price("2e-05")};
  // 600 x 3 + 300 x 0.3 + 100 x 3.75 + 80 x 15 + 20 x 20 micro-dollars
  const Tokens tokens{
      .input = 1000, .output = 100, .cached = 300, .cache_creation = 100, .reasoning = 20};
  EXPECT_EQ(CostOf(tokens, prices).nanos(), 3'865'000);
  const TokenPrices plain{prices.input, prices.output, {}, {}, {}};
  EXPECT_EQ(CostOf(tokens, plain).nanos(), 4'500'000);
}

TEST(CostTest, RoundsUpOnce) {
  const TokenPrices prices{Price("1e-10"), Price("1e-10"), {}, {}, {}};
  EXPECT_EQ(CostOf({.input = 1}, prices).nanos(), 1);
  EXPECT_EQ(CostOf({.input = 5, .output = 5}, prices).nanos(), 1);
  EXPECT_EQ(CostOf({.input = 11}, prices).nanos(), 2);
  EXPECT_EQ(CostOf({}, prices).nanos(), 0);
  EXPECT_EQ(CostOf({.input = -11}, prices).nanos(), -1);
}

TEST(CostTest, APartWithoutItsWholeTakesNothingBack) {
  const TokenPrices prices{Price("3e-06"), Price("1e-05"), Price("3e-07"), {}, {}};
  EXPECT_EQ(CostOf({.cached = 10}, prices).nanos(), 3'000);
  EXPECT_EQ(CostOf({.input = -10, .cached = -10}, prices).nanos(), -3'000);
}

// Anything a counter may show, large and small.
class World {
 public:
  explicit World(std::uint32_t seed) : random_(seed) {}
  std::int64_t Upto(std::int64_t most) {
    const int bits = std::uniform_int_distribution<int>(0, 62)(random_);
    return std::uniform_int_distribution<std::int64_t>(
        0, std::min(most, (std::int64_t{1} << bits)))(random_);
  }
  Tokens Nested(std::int64_t most) {
    Tokens tokens;
    tokens.input = Upto(most);
    tokens.cached = Upto(tokens.input);
    tokens.cache_creation = Upto(tokens.input - tokens.cached);
    tokens.output = Upto(most);
    tokens.reasoning = Upto(tokens.output);
    return tokens;
  }
  TokenPrices Prices(std::int64_t most) {
    TokenPrices prices{
        TokenPrice::FromFemtos(Upto(most)), TokenPrice::FromFemtos(Upto(most)), {}, {}, {}};
    if (Upto(1) == 1) prices.cached = TokenPrice::FromFemtos(Upto(prices.input.femtos()));
    if (Upto(1) == 1) prices.cache_creation = TokenPrice::FromFemtos(Upto(most));
    if (Upto(1) == 1) prices.reasoning = TokenPrice::FromFemtos(Upto(most));
    return prices;
  }

 private:
  std::mt19937 random_;
};

Tokens Sum(const Tokens& a, const Tokens& b) {
  return {a.input + b.input, a.output + b.output, a.cached + b.cached,
          a.cache_creation + b.cache_creation, a.reasoning + b.reasoning};
}

TEST(CostPropertyTest, IsAdditiveWithinOneNanoDollarABooking) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    World world(seed);
    const auto prices = world.Prices(1'000'000'000'000);
    const int bookings = 1 + static_cast<int>(world.Upto(20));
    Tokens whole;
    std::int64_t parts = 0;
    for (int i = 0; i < bookings; ++i) {
      const auto tokens = world.Nested(1'000'000);
      whole = Sum(whole, tokens);
      parts += CostOf(tokens, prices).nanos();
    }
    const auto cost = CostOf(whole, prices).nanos();
    EXPECT_GE(parts, cost) << seed;
    EXPECT_LE(parts, cost + bookings - 1) << seed;
  }
}

TEST(CostPropertyTest, MoreTokensNeverCostLess) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    World world(seed);
    const auto prices = world.Prices(1'000'000'000'000'000'000);
    const auto tokens = world.Nested(std::numeric_limits<std::int64_t>::max() / 2);
    const auto cost = CostOf(tokens, prices);
    EXPECT_GE(cost, Money()) << seed;
    const auto more = world.Nested(std::numeric_limits<std::int64_t>::max() / 2);
    EXPECT_GE(CostOf(Sum(tokens, more), prices), cost) << seed;
    auto cached = tokens;
    cached.cached = 0;
    EXPECT_GE(CostOf(cached, prices), cost) << seed << ": the cache is cheaper";
  }
}

TEST(CostPropertyTest, SaturatesInsteadOfOverflowing) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  const auto dear = Price("1000");
  const TokenPrices prices{dear, dear, dear, dear, dear};
  EXPECT_EQ(CostOf({kMost, kMost, kMost, kMost, kMost}, prices).nanos(), kMost);
  EXPECT_EQ(CostOf({kLeast, kLeast, 0, 0, 0}, prices).nanos(), kLeast);
  EXPECT_EQ(CostOf({kLeast, kLeast, kMost, kMost, kMost}, prices).nanos(), kLeast);
  EXPECT_EQ(CostOf({kMost, kMost, kLeast, kLeast, kLeast}, prices).nanos(), kMost);
}

}  // namespace
}  // namespace purser
