// The meter as a whole: transactions, persistence, what is told.
#include "usage/meter/meter.h"

#include <gtest/gtest.h>

#include "unit/meter/random_world.h"
#include "unit/meter/sequences.h"
#include "usage/meter/learned_rates.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

TEST(Meter, TheBaselineIsNotSpend) {
  const auto driver = Tell({12345, 12345});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(driver.cursors().size(), 1u);
}

TEST(Meter, WhatIsKnownIsBookedOnce) {
  const auto series = SeriesOf({1, 2, 3, 4});
  Driver driver;
  driver.Answer({series}, After(-1), After(0), true);
  for (int i = 0; i < 3; ++i) driver.Answer({series}, After(-1), After(45));
  EXPECT_EQ(driver.booked(), Dollars(3));
}

TEST(Meter, ValuesThatStandStillAreNotWrittenAgain) {
  Driver driver;
  const auto series = SeriesOf(Repeat({5}, 10));
  driver.Answer({series}, After(-1), After(0), true);
  driver.meter().Begin(After(60), false);
  const std::vector<Label> labels = {{"__name__", "x"}};
  Observation observation;
  observation.identity = Driver::IdOf(1);
  observation.raw = 1;
  observation.labels = labels;
  observation.samples = series.samples;
  driver.meter().Take(observation);
  const auto reading = driver.meter().Finish();
  driver.meter().Commit();
  EXPECT_TRUE(reading.cursors.empty());
  EXPECT_EQ(reading.newest, After(135));
  EXPECT_EQ(reading.oldest_new, After(15));
  EXPECT_EQ(reading.largest_lag, Duration(45'000));
}

// Reading thrown away at random leaves no trace, and another process goes on as this one would.
TEST(Meter, AbandonedAnswersAndRestartsChangeNothing) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const auto world = MakeCleanWorld(seed, seed % 2 == 0);
    Driver steady, shaken;
    for (double now = 15; now <= world.end + 60; now += 15) {
      steady.Answer(world.series, After(now - 60), After(now));
      while (random.Chance(.3))
        shaken.Answer(world.series, After(now - 60), After(now + 15 * random.Below(3)), false,
                      true);
      if (random.Chance(.05)) shaken.Restart();
      shaken.Answer(world.series, After(now - 60), After(now));
    }
    ASSERT_EQ(steady.booked(), shaken.booked()) << seed;
    ASSERT_EQ(steady.held(), shaken.held()) << seed;
  }
}

TEST(Meter, AnswersLongOrShortComeToTheSame) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto world = MakeCleanWorld(seed, true);
    for (auto& series : world.series) series.starts_in_answer = false;
    Driver often, seldom;
    Poll(often, world.series, 15, world.end + 60, {15, 15, 60, false});
    Poll(seldom, world.series, 300, world.end + 600, {15, 300, 360, false});
    const auto least = world.truth - world.hidden;
    ASSERT_GE(seldom.booked() + seldom.held(), least - world.truth / 100) << seed;
    ASSERT_LE(seldom.booked(), world.truth + world.truth / 100) << seed;
  }
}

TEST(Meter, QuarantinesWhatCannotBeReadAndTellsItOnce) {
  Meter meter({});
  const std::vector<Label> labels = {{"__name__", "cost"}, {"pod", "a"}};
  std::size_t notes = 0;
  for (int i = 0; i < 5; ++i) {
    meter.Begin(After(15 * i), false);
    meter.Quarantine(3, labels, "NaN", After(15 * i));
    const auto reading = meter.Finish();
    EXPECT_TRUE(reading.booked.empty());
    notes += reading.notes.size();
    meter.Commit();
    const auto troubles = meter.Troubles();
    ASSERT_EQ(troubles.size(), 1u);
    EXPECT_EQ(troubles.front().key, 3u);
    EXPECT_EQ(troubles.front().reason, "NotANumber");
    EXPECT_NE(troubles.front().message.find("cost{pod=\"a\"}"), std::string::npos);
  }
  EXPECT_EQ(notes, 1u);
  meter.Begin(After(7200), false);
  meter.Abandon();
  EXPECT_TRUE(meter.Troubles().empty());
}

TEST(Meter, AnAbandonedQuarantineIsToldAgain) {
  Meter meter({});
  const std::vector<Label> labels = {{"__name__", "cost"}};
  for (int i = 0; i < 2; ++i) {
    meter.Begin(After(0), false);
    meter.Quarantine(0, labels, "a histogram", After(0));
    EXPECT_EQ(meter.Finish().notes.size(), 1u);
    meter.Abandon();
    EXPECT_TRUE(meter.Troubles().empty());
  }
}

TEST(Meter, ForgetsTheSilentAndKeepsTheRest) {
  std::vector<RawSeries> world(100);
  for (std::size_t i = 0; i < world.size(); ++i) {
    world[i].identity = i + 1;
    world[i].Add(0, Dollars(5));
    if (i % 2 == 0) world[i].Add(1500, Dollars(6));
  }
  Driver driver;
  driver.Answer(world, After(-1), After(0), true);
  driver.Answer(world, After(0), After(1500));
  EXPECT_EQ(driver.booked(), Dollars(50));
  driver.meter().Forget(After(1000));
  EXPECT_EQ(driver.meter().size(), 50u);
  EXPECT_TRUE(driver.meter().Knows(Driver::IdOf(1)));
  EXPECT_FALSE(driver.meter().Knows(Driver::IdOf(2)));
  for (auto& series : world) series.Add(1515, Dollars(7));
  driver.meter().Load([&] {
    std::vector<ledger::SeriesCursor> cursors;
    for (const auto& [id, cursor] : driver.cursors()) cursors.push_back(cursor);
    return cursors;
  }());
  driver.Answer(world, After(1500), After(1515));
  EXPECT_EQ(driver.booked(), Dollars(50 + 50 + 100));
}

TEST(Meter, GoesOnFromTheCursorsOfTheFirstMeter) {
  Driver driver;
  driver.meter().Load(
      {{Driver::IdOf(1), After(0), "v1:12345678901234"}, {Driver::IdOf(2), After(0), "garbage"}});
  EXPECT_TRUE(driver.meter().Knows(Driver::IdOf(1)));
  EXPECT_FALSE(driver.meter().Knows(Driver::IdOf(2)));
  RawSeries series;
  series.identity = 1;
  series.Add(0, 12345678901234);
  series.Add(15, 12345678901234 + kDollar);
  driver.Answer({series}, After(-15), After(15));
  EXPECT_EQ(driver.booked(), kDollar);
}

TEST(Meter, AsksOfWhatFellFirst) {
  RawSeries fell, large;
  fell.identity = 1;
  large.identity = 2;
  fell.Add(0, Dollars(8));
  fell.Add(15, Dollars(2));
  large.Add(15, Dollars(900));
  Driver driver;
  driver.Answer({fell, large}, After(-1), After(0), true);
  auto& meter = driver.meter();
  meter.Begin(After(15), false);
  const std::vector<Label> labels = {{"__name__", "cost"}, {"pod", "a"}};
  for (const auto* series : {&large, &fell}) {
    Observation observation;
    observation.identity = Driver::IdOf(series->identity);
    observation.raw = 1;
    observation.labels = labels;
    observation.samples = series->samples;
    meter.Take(observation);
  }
  EXPECT_EQ(meter.Questions(10).size(), 2u);
  const auto questions = meter.Questions(1);
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_EQ(questions.front().at, After(15));
  EXPECT_EQ(questions.front().labels.size(), 2u);
  meter.Tell(questions.front().number, After(10));
  meter.Tell(12345, After(10));
  const auto reading = meter.Finish();
  ASSERT_EQ(reading.booked.size(), 1u);
  EXPECT_EQ(reading.booked.front().value, Dollars(2));
  meter.Commit();
}

TEST(Meter, ReportsTheRatesThatRose) {
  const auto driver = Tell({5, 5.15, 5.45, 5.45});
  Driver other;
  const auto series = SeriesOf({5, 5.15});
  other.Answer({series}, After(-1), After(0), true);
  other.meter().Begin(After(15), false);
  Observation observation;
  observation.identity = Driver::IdOf(1);
  observation.raw = 1;
  observation.samples = series.samples;
  other.meter().Take(observation);
  const auto reading = other.meter().Finish();
  ASSERT_EQ(reading.rates.size(), 1u);
  EXPECT_EQ(reading.rates.front().second, Dollars(.01));
  other.meter().Commit();
}

TEST(LearnedRates, AreWrittenAgainOnlyWhenAnEighthHigherOrFaded) {
  LearnedRates rates;
  const auto learn = [&](std::int64_t per_second, double after) {
    rates.Learn(7, Quantity::kCost, per_second, After(after));
    const auto raised = rates.Raised();
    rates.Commit();
    return raised.empty() ? 0 : raised.front().second;
  };
  EXPECT_EQ(learn(1000, 0), 1000);
  EXPECT_EQ(learn(1100, 60), 0);
  EXPECT_EQ(rates.Of(7, Quantity::kCost, After(60)), 1100);
  EXPECT_EQ(learn(1126, 120), 1126);
  EXPECT_EQ(learn(1126, 3600), 0);
  EXPECT_EQ(learn(1126, 64800), 1126);
  // What was not committed is given again.
  rates.Learn(7, Quantity::kCost, 5000, After(64800));
  EXPECT_EQ(rates.Raised().size(), 1u);
  rates.Abandon();
  EXPECT_EQ(learn(5000, 64800), 5000);
}

TEST(Describe, IsPrintableAndBounded) {
  const std::string long_value(5000, 'x');
  const std::vector<Label> labels = {{"__name__", "cost"}, {"a", "b\n\"c"}, {"z", long_value}};
  const auto text = Describe(labels);
  EXPECT_TRUE(text.starts_with("cost{a=\"b?\"c\",z=\"xxx")) << text;
  EXPECT_LE(text.size(), 203u);
  EXPECT_EQ(Describe({}), "{}");
}

}  // namespace
}  // namespace purser::usage
