// Each rule for one counter, and each row of the table of real cases.
#include "usage/meter/counter_rules.h"

#include <gtest/gtest.h>

#include "unit/meter/sequences.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

constexpr double kBefore = 12345.678901234, kAfter = 12345.678901229;

TEST(CounterRules, BooksWhatRises) {
  const auto driver = Tell({5, 5, 5.25, 6});
  EXPECT_EQ(driver.booked(), kDollar);
  EXPECT_EQ(driver.held(), 0);
}

TEST(CounterRules, KnowsADipFromARestart) {
  const auto driver = Tell(Join({Repeat({kBefore}, 3), Repeat({kAfter}, 3), Repeat({kBefore}, 3)}));
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(driver.CountOf(JournalKind::kDip), 1u);
}

TEST(CounterRules, BooksOnlyWhatIsAboveTheTopWhenReplicasSwitch) {
  EXPECT_EQ(Tell({3045.30, 3045.60, 3045.52, 3045.70}).booked(), Dollars(.4));
  Values flapping;
  for (int i = 0; i <= 400; ++i) flapping.push_back(1000 + .15 * i - (i % 2 != 0 ? .1 : 0));
  const auto driver = Tell(flapping);
  EXPECT_EQ(driver.booked(), Dollars(60));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_LE(driver.CountOf(JournalKind::kDip), 2u) << "once an hour is enough";
}

// Below it for good: what rose since is held, and growth counts again.
TEST(CounterRules, HoldsTheDifferenceOfADipThatStays) {
  Values values = {500, 498};
  for (int i = 1; i <= 300; ++i) values.push_back(498 + .001 * i);
  const auto driver = Tell(values);
  EXPECT_EQ(driver.held(), Dollars(2));
  EXPECT_GT(driver.booked(), Dollars(.04));
  EXPECT_LE(driver.booked() + driver.held(), Dollars(2.3));
  EXPECT_GE(driver.booked() + driver.held(), Dollars(.3));
}

TEST(CounterRules, HoldsTheRestOfASumThatLostAMember) {
  const Telling sum{15, true, true};
  const auto lost = Tell(Join({Repeat({300}, 3), Repeat({210}, 10)}), sum);
  EXPECT_EQ(lost.booked(), 0);
  EXPECT_EQ(lost.held(), Dollars(210));
  Values goes_on = Repeat({300}, 3);
  for (int i = 0; i <= 50; ++i) goes_on.push_back(210 + .15 * i);
  const auto grows = Tell(goes_on, sum);
  EXPECT_EQ(grows.booked(), Dollars(7.5));
  EXPECT_EQ(grows.held(), Dollars(210));
  const auto regained = Tell(Join({Repeat({300}, 3), Repeat({210}, 3), Repeat({300}, 5)}), sum);
  EXPECT_EQ(regained.booked(), 0);
}

TEST(CounterRules, HoldsWhatASumGainsWithAMember) {
  const auto driver = Tell(Join({Repeat({210}, 3), Repeat({300}, 3)}), {15, true, true});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(90));
}

TEST(CounterRules, TakesAFallForARestartWhereTheValueIsPlausible) {
  Values grows = {8.26};
  for (int i = 0; i <= 40; ++i) grows.push_back(.2 + .25 * i);
  EXPECT_EQ(Tell(grows).booked(), Dollars(10.2));
  EXPECT_EQ(Tell(grows).held(), 0);
  const auto burst = Tell(Join({{8.26, .2, 9.0}, Repeat({9.0}, 5)}));
  EXPECT_EQ(burst.booked(), Dollars(9));
  EXPECT_EQ(burst.held(), 0);
}

TEST(CounterRules, HoldsAFallToMoreThanPlausible) {
  const auto driver = Tell({500, 100, 100.5});
  EXPECT_EQ(driver.booked(), Dollars(.5));
  EXPECT_EQ(driver.held(), Dollars(100));
}

TEST(CounterRules, CountsAnEmptyPodBetweenNothing) {
  const auto driver = Tell({500, 0, 500, 500});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.peak(), 0);
  EXPECT_EQ(driver.held(), 0);
}

TEST(CounterRules, BooksACrashLoopWithEqualValues) {
  const auto driver = Tell(Join({{5.0}, Repeat({.05, .08, .1}, 40)}));
  EXPECT_EQ(driver.booked(), Dollars(4));
  EXPECT_EQ(driver.held(), 0);
}

TEST(CounterRules, HoldsAnOldCounterThatAppears) {
  const auto driver = Tell({38000, 38000.5}, {15, false, false});
  EXPECT_EQ(driver.booked(), Dollars(.5));
  EXPECT_EQ(driver.held(), Dollars(38000));
  ASSERT_EQ(driver.CountOf(JournalKind::kDoubt), 1u);
}

TEST(CounterRules, BooksARunawayOfAFreshPod) {
  const auto driver = Tell({5, 10, 15, 20, 25, 30, 35, 40}, {15, false, false});
  EXPECT_EQ(driver.booked(), Dollars(40));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_GE(driver.CountOf(JournalKind::kLargeStep), 1u);
}

// A start after the last sample.
TEST(CounterRules, BooksAllOfAProvedRestart) {
  RawSeries series;
  series.Add(0, Dollars(3), -1000);
  series.Add(15, Dollars(3), -1000);
  series.Add(45, Dollars(20), 20);  // above the old value, after a gap
  series.Add(60, Dollars(5), 50);
  Driver driver;
  Poll(driver, {series}, 0, 75);
  EXPECT_EQ(driver.booked(), Dollars(25));
  EXPECT_EQ(driver.held(), 0);
}

TEST(CounterRules, HoldsAFallThatIsDisproved) {
  RawSeries series;
  series.Add(0, Dollars(8), -1000);
  series.Add(15, Dollars(1), -1000);
  series.Add(30, Dollars(1.5), -1000);
  Driver driver;
  Poll(driver, {series}, 0, 45);
  EXPECT_EQ(driver.booked(), Dollars(.5));
  EXPECT_EQ(driver.held(), Dollars(1));
}

// A collector that is made anew under the same name shows what its clients had spent before.
TEST(CounterRules, ABeginningProvesNoMoreThanCanBeEarnedSince) {
  RawSeries series;
  series.Add(0, Dollars(812.4), -1000);
  series.Add(45, Dollars(812.6), 20);
  Driver driver;
  Poll(driver, {series}, 0, 60);
  EXPECT_EQ(driver.booked(), Dollars(.2));
}

TEST(CounterRules, AnswersThatCarryTheStartNeedNoQuestion) {
  RawSeries series;
  series.starts_in_answer = true;
  series.Add(0, Dollars(3), -1000);
  series.Add(15, Dollars(4), 5);
  Driver driver;
  driver.Answer({series}, After(-45), After(0), true);
  driver.Answer({series}, After(-30), After(15), false, false, 0);
  EXPECT_EQ(driver.booked(), Dollars(4));
}

TEST(CounterRules, AnOldStartDoesNotMakeAnOldCounterPlausible) {
  RawSeries series;
  series.Add(0, Dollars(38000), -30 * 86400.0);
  Driver driver;
  Poll(driver, {series}, 0, 15, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(38000));
}

TEST(CounterRules, OtherQuantitiesHaveTheirOwnPlausibility) {
  RawSeries series;
  series.quantity = Quantity::kInputTokens;
  series.Add(0, 20'000'000);
  series.Add(15, 25'000'000);
  series.Add(30, 1'000'000);
  Driver driver;
  Poll(driver, {series}, 0, 45, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), 26'000'000);
  series.samples.front().value = 40'000'000'000;
  Driver doubting;
  doubting.Answer({series}, After(-1), After(0));
  EXPECT_EQ(doubting.booked(), 0);
  EXPECT_EQ(doubting.held(), 40'000'000'000);
}

// Nobody knew that it could earn as much: what it rises by at first is held, and not for ever.
TEST(CounterRules, BooksASumThatRisesTimeAfterTime) {
  for (const double rate : {.3, .6, 1.0, 3.0}) {
    for (const double scrape : {1.0, 15.0, 60.0}) {
      Values values = Repeat({0}, 5);
      for (int i = 1; i <= 60; ++i) values.push_back(rate * scrape * i);
      const auto driver = Tell(values, {.scrape = scrape, .aggregated = true});
      const auto truth = Dollars(rate * scrape * 60);
      EXPECT_EQ(driver.booked() + driver.held(), truth) << rate << " " << scrape;
      EXPECT_GE(driver.booked(), truth / 10 * 9) << rate << " " << scrape;
    }
  }
}

TEST(CounterRules, HoldsWhatMembersBringOneAfterTheOther) {
  const Values values{300, 300, 390, 390, 480, 480, 480, 570, 570};
  const auto driver = Tell(values, {.aggregated = true});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(270));
}

}  // namespace
}  // namespace purser::usage
