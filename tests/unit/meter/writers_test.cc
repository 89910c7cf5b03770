// Several writers on one series, samples that are no counter, twins.
#include <gtest/gtest.h>

#include "unit/meter/sequences.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

Values Alternating(double a, double a_step, double b, double b_step, int times) {
  Values values;
  for (int i = 0; i < times; ++i) {
    values.push_back(a + a_step * i);
    values.push_back(b + b_step * i);
  }
  return values;
}

TEST(Writers, TwoInTurnsComeToNothing) {
  for (const double scrape : {1.0, 15.0}) {
    const auto driver =
        Tell(Repeat(Join({Repeat({8.2589}, 4), Repeat({1.0247}, 4)}), 20), {scrape, true, false});
    EXPECT_EQ(driver.booked(), 0);
    EXPECT_EQ(driver.held(), Dollars(1.0247));
    EXPECT_EQ(ReasonOf(driver), "DuplicateWriters");
    EXPECT_EQ(driver.CountOf(JournalKind::kDuplicateWriters), 1u);
    EXPECT_EQ(driver.CountOf(JournalKind::kReversal), 1u);
  }
}

// The first step up looks like spend until it falls back.
TEST(Writers, TheOneMetFirstMayBeTheLower) {
  for (const double low : {.05, 1.0247, 45.0}) {
    const double high = low * 9;
    const auto driver =
        Tell(Repeat(Join({Repeat({low}, 4), Repeat({high}, 4)}), 20), {1, true, false});
    EXPECT_EQ(driver.booked(), 0) << low;
    EXPECT_LE(driver.held(), Dollars(low + high)) << low;
    EXPECT_EQ(ReasonOf(driver), "DuplicateWriters") << low;
  }
}

TEST(Writers, OfNearlyEqualTotalsAreNoRestarts) {
  const auto driver = Tell(Repeat({25, 25, 25, 20, 20, 20}, 20), {1, true, false});
  EXPECT_EQ(driver.peak(), 0);
  EXPECT_EQ(driver.held(), Dollars(20));
}

TEST(Writers, TheGrowthOfEachIsBooked) {
  const auto little = Tell(Alternating(8.2589, .003, 1.0247, .001, 60));
  EXPECT_NEAR(static_cast<double>(little.booked()), 1e9 * .004 * 59, 1e9 * .005);
  const auto much = Tell(Alternating(8.2589, .3, 1.0247, .1, 60));
  EXPECT_NEAR(static_cast<double>(much.booked()), 1e9 * .4 * 59, 1e9 * .8);
  EXPECT_EQ(ReasonOf(much), "DuplicateWriters");
}

TEST(Writers, ThreeComeToNothingEither) {
  const auto driver = Tell(Repeat({8.2, 1.0, 3.3, 8.2, 3.3, 1.0}, 30));
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_LT(driver.held(), Dollars(5));
  EXPECT_EQ(ReasonOf(driver), "DuplicateWriters");
}

TEST(Writers, AreForgottenAfterAnHourWithoutAFall) {
  Values values = Repeat(Join({Repeat({8.2589}, 4), Repeat({1.0247}, 4)}), 5);
  for (int i = 1; i <= 300; ++i) values.push_back(1.0247 + .1 * i);
  const auto driver = Tell(values);
  EXPECT_EQ(ReasonOf(driver), "");
  EXPECT_GT(driver.booked() + driver.held(), Dollars(30));
}

// The shape of deltas: told with the way out, even where one fall is all there is.
TEST(NotACounter, IsToldAfterTheFirstFallThatComesBack) {
  const auto driver =
      Tell(Join({Repeat({.4}, 30), Repeat({.1}, 10), Repeat({.4}, 10)}), {1, false, false});
  EXPECT_EQ(ReasonOf(driver), "NotACounter");
  EXPECT_NE(driver.meter().Troubles().front().message.find("temporality"), std::string::npos);
  EXPECT_EQ(driver.booked(), Dollars(.4));
  EXPECT_EQ(driver.held(), Dollars(.1));
}

TEST(NotACounter, IsToldForDeltasThatDiffer) {
  const auto driver = Tell(Join({Repeat({.4}, 10), Repeat({.25}, 10), Repeat({.6}, 10),
                                 Repeat({.1}, 10), Repeat({.5}, 10)}),
                           {1, false, false});
  EXPECT_EQ(ReasonOf(driver), "NotACounter");
}

// What was booked since the first fall goes into doubt, and each sample after it.
TEST(NotACounter, IsBookedNoMoreWhenItFallsAgainAndAgain) {
  Values values;
  std::int64_t truth = 0;
  for (int i = 0; i < 60; ++i) {
    values.push_back(.05 + .01 * ((i * 37) % 23));
    truth += Dollars(values.back());
  }
  const auto driver = Tell(values, {15, false, false});
  EXPECT_EQ(ReasonOf(driver), "NotACounter");
  EXPECT_LT(driver.booked(), Dollars(1));
  EXPECT_GE(driver.booked() + driver.held(), truth - Dollars(1));
  EXPECT_LE(driver.booked() + driver.held(), truth);
}

// Two scrapes of one counter, a second apart, the second sometimes behind.
TEST(Twins, CountOnce) {
  RawSeries a, b;
  a.identity = b.identity = 1;
  b.raw = 2;
  for (int i = 0; i < 200; ++i) {
    a.Add(15 * i, Dollars(1 + .3 * i));
    b.Add(15 * i + 1, Dollars(1 + .3 * i + .02));
  }
  for (const auto& world : {std::vector{a, b}, std::vector{b, a}}) {
    Driver driver;
    Poll(driver, world, 2, 3010);
    EXPECT_NEAR(static_cast<double>(driver.booked()), 1e9 * .3 * 199, 1e7 * 3);
    EXPECT_EQ(driver.held(), 0);
    EXPECT_TRUE(driver.notes().size() <= 2) << driver.notes().size();
  }
}

TEST(Twins, OneTakesOverWhenTheOtherFallsSilent) {
  RawSeries a, b;
  a.identity = b.identity = 1;
  b.raw = 2;
  for (int i = 0; i < 300; ++i) {
    const bool a_silent = (i / 50) % 2 == 1;
    if (!a_silent) a.Add(15 * i, Dollars(100 + .3 * i));
    b.Add(15 * i + 1, Dollars(100 + .3 * (i - 3)));  // three scrapes behind
  }
  Driver driver;
  Poll(driver, {a, b}, 2, 4510);
  EXPECT_NEAR(static_cast<double>(driver.booked()), 1e9 * .3 * 299, 1e9);
  EXPECT_EQ(driver.held(), 0);
}

TEST(Twins, ATakeOverIsNeverARestartWithoutProof) {
  RawSeries a, b;
  a.identity = b.identity = 1;
  b.raw = 2;
  for (int i = 0; i < 10; ++i) a.Add(15 * i, Dollars(50));
  for (int i = 10; i < 40; ++i) b.Add(15 * i + 1, Dollars(2));
  Driver driver;
  Poll(driver, {a, b}, 2, 620);
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(2));
}

}  // namespace
}  // namespace purser::usage
