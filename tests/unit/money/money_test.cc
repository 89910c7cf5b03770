#include "money/money.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace purser {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

Money Nanos(std::int64_t nanos) { return Money::FromNanos(nanos); }
Money Dollars(std::int64_t dollars) { return Nanos(dollars * Money::kNanosPerDollar); }

struct ParseCase {
  std::string text;
  std::optional<std::int64_t> want_nanos;  // nothing: refused
};

TEST(MoneyTest, ParseLimit) {
  const std::vector<ParseCase> cases = {
      {"0", 0},
      {"1", 1'000'000'000},
      {"50", 50'000'000'000},
      {"0.25", 250'000'000},
      {"0.000000001", 1},
      {"0.0", 0},
      {"0.100000000", 100'000'000},
      {"999999999.999999999", 999'999'999'999'999'999},
      {"", std::nullopt},
      {".", std::nullopt},
      {".5", std::nullopt},
      {"1.", std::nullopt},
      {"01", std::nullopt},
      {"00", std::nullopt},
      {"00.5", std::nullopt},
      {"1000000000", std::nullopt},
      {"0.0000000001", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1,5", std::nullopt},
      {"1.5.5", std::nullopt},
      {"1e3", std::nullopt},
      {"$50", std::nullopt},
      {"0x10", std::nullopt},
      {"NaN", std::nullopt},
      {std::string("5\0", 2), std::nullopt},
      {"5\n", std::nullopt},
      {"\xd9\xa5", std::nullopt},
  };
  for (const auto& c : cases) {
    const auto got = Money::ParseLimit(c.text);
    ASSERT_EQ(got.ok(), c.want_nanos.has_value()) << c.text;
    if (got) {
      EXPECT_EQ(got->nanos(), *c.want_nanos) << c.text;
    } else {
      EXPECT_EQ(got.error().code(), ErrorCode::kInvalidArgument) << c.text;
    }
  }
}

TEST(MoneyTest, ParseSample) {
  const std::vector<ParseCase> cases = {
      {"0", 0},
      {"-0", 0},
      {"-0.000e5", 0},
      {"12.5", 12'500'000'000},
      {"007", 7'000'000'000},
      {"3e-07", 300},
      {"3E-07", 300},
      {"1e+06", 1'000'000'000'000'000},
      {"1.5e3", 1'500'000'000'000},
      {"123.456e-2", 1'234'560'000},
      {"1e-9", 1},
      // What 0.1 + 0.2 prints as: the error of binary fractions is below a nano-dollar.
      {"0.30000000000000004", 300'000'000},
      {"41.239999999999995", 41'240'000'000},
      // Half up at the ninth decimal.
      {"0.0000000005", 1},
      {"0.00000000049999999999", 0},
      {"0.0000000014", 1},
      {"0.0000000015", 2},
      {"5e-10", 1},
      {"4.9e-10", 0},
      {"9e-11", 0},
      {"0.9999999999", 1'000'000'000},
      {"5e-324", 0},
      {"1e-400", 0},
      {"1e-99999999999999999999", 0},
      // Zero is zero, whatever the exponent.
      {"0e400", 0},
      {"0.000e99999999999999999999", 0},
      // The ends of int64.
      {"9223372036.854775807", kMax},
      {"9223372036.8547758074", kMax},
      {"9223372036.8547758075", std::nullopt},
      {"9223372036.854775808", std::nullopt},
      {"92233720368547758070e-10", kMax},
      {"1e10", std::nullopt},
      {"1e400", std::nullopt},
      {"1e99999999999999999999", std::nullopt},
      {std::string(300, '9'), std::nullopt},
      {std::string(300, '0') + "5", 5'000'000'000},
      {"0." + std::string(300, '0') + "5", 0},
      {"1" + std::string(299, '0') + "e-299", 1'000'000'000},
      {std::string(512, '0'), 0},
      {std::string(513, '0'), std::nullopt},
      // Not finite, negative, malformed.
      {"NaN", std::nullopt},
      {"+Inf", std::nullopt},
      {"-Inf", std::nullopt},
      {"Inf", std::nullopt},
      {"-1", std::nullopt},
      {"-1e-300", std::nullopt},
      {"", std::nullopt},
      {"-", std::nullopt},
      {"+1", std::nullopt},
      {"1.", std::nullopt},
      {".5", std::nullopt},
      {".", std::nullopt},
      {"1e", std::nullopt},
      {"1e+", std::nullopt},
      {"1e-", std::nullopt},
      {"1e5.5", std::nullopt},
      {"1.5x", std::nullopt},
      {"1_000", std::nullopt},
      {"0x1p3", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1.e5", std::nullopt},
      {std::string("1\0", 2), std::nullopt},
  };
  for (const auto& c : cases) {
    const auto got = Money::ParseSample(c.text);
    ASSERT_EQ(got.ok(), c.want_nanos.has_value()) << c.text;
    if (got) {
      EXPECT_EQ(got->nanos(), *c.want_nanos) << c.text;
    } else {
      EXPECT_EQ(got.error().code(), ErrorCode::kInvalidArgument) << c.text;
    }
  }
}

TEST(MoneyTest, RefusalsShowTheTextShortenedAndPrintable) {
  EXPECT_EQ(Money::ParseSample("a\"b\n").error().message(),
            "\"a?b?\": not a finite decimal number");
  const auto message = Money::ParseSample(std::string(2000, '7')).error().message();
  EXPECT_LT(message.size(), 120u);
  EXPECT_NE(message.find("..."), std::string::npos);
}

TEST(MoneyTest, SumsSaturate) {
  struct Case {
    std::int64_t a, b, want_sum, want_difference;
  };
  const std::vector<Case> cases = {
      {1, 2, 3, -1},
      {kMax, 1, kMax, kMax - 1},
      {kMax, kMax, kMax, 0},
      {kMin, -1, kMin, kMin + 1},
      {kMin, 1, kMin + 1, kMin},
      {kMax, -1, kMax - 1, kMax},
      {0, kMin, kMin, kMax},
      {-2, kMin, kMin, kMax - 1},
  };
  for (const auto& c : cases) {
    EXPECT_EQ((Nanos(c.a) + Nanos(c.b)).nanos(), c.want_sum) << c.a << " + " << c.b;
    EXPECT_EQ((Nanos(c.a) - Nanos(c.b)).nanos(), c.want_difference) << c.a << " - " << c.b;
  }
  Money total = Dollars(1);
  total += Dollars(2);
  EXPECT_EQ(total, Dollars(3));
  EXPECT_LT(Dollars(2), total);
}

TEST(MoneyTest, Printing) {
  struct Case {
    std::int64_t nanos;
    std::string want_decimal, want_dollars;
  };
  const std::vector<Case> cases = {
      {0, "0", "$0"},
      {1, "0.000000001", "$0.000000001"},
      {500'000'000, "0.5", "$0.50"},
      {123'456'789, "0.123456789", "$0.123456789"},
      {1'000'000'000, "1", "$1"},
      {1'009'000'000, "1.009", "$1"},
      {41'240'000'000, "41.24", "$41.24"},
      {41'249'999'999, "41.249999999", "$41.24"},
      {41'200'000'000, "41.2", "$41.20"},
      {50'000'000'000, "50", "$50"},
      {-41'249'000'000, "-41.249", "-$41.24"},
      {-1, "-0.000000001", "-$0.000000001"},
      {kMax, "9223372036.854775807", "$9223372036.85"},
      {kMin, "-9223372036.854775808", "-$9223372036.85"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Nanos(c.nanos).ToDecimal(), c.want_decimal);
    EXPECT_EQ(Nanos(c.nanos).ToDollars(), c.want_dollars);
  }
}

TEST(MoneyTest, WhatIsPrintedIsReadBackUnchanged) {
  for (const std::int64_t nanos : {std::int64_t{0}, std::int64_t{1}, std::int64_t{999'999'999},
                                   std::int64_t{123'456'789'012'345'678}, kMax}) {
    EXPECT_EQ(Money::ParseSample(Nanos(nanos).ToDecimal())->nanos(), nanos);
  }
}

TEST(MoneyTest, Percentages) {
  struct Case {
    std::string name;
    std::int64_t spent, limit;
    std::int32_t percent;
    bool want_reached;
    std::int32_t want_used;
  };
  const std::vector<Case> cases = {
      {"below", 79'999'999'999, 100'000'000'000, 80, false, 79},
      {"exactly", 80'000'000'000, 100'000'000'000, 80, true, 80},
      {"a third is never rounded up", 333'333'333, 1'000'000'000, 34, false, 33},
      {"one nano-dollar short of all", 999'999'999, 1'000'000'000, 100, false, 99},
      {"limit of one nano-dollar", 1, 1, 100, true, 100},
      {"nothing spent", 0, 50, 1, false, 0},
      {"nothing may be spent", 0, 0, 80, true, 100},
      {"nothing may be spent, something was", 7, 0, 1000, true, 100},
      {"ten times over", 10, 1, 1000, true, 1000},
      {"the largest amounts", kMax, kMax, 100, true, 100},
      {"the largest over the smallest", kMax, 1, 1000, true, 1'000'000},
      {"negative spent", -5, 10, 1, false, 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ReachesPercent(Nanos(c.spent), Nanos(c.limit), c.percent), c.want_reached) << c.name;
    EXPECT_EQ(PercentUsed(Nanos(c.spent), Nanos(c.limit)), c.want_used) << c.name;
  }
}

}  // namespace
}  // namespace purser
