// First values: spend of their own, an old counter, or another series under a new name.
#include "usage/meter/hand_over.h"

#include <gtest/gtest.h>

#include "unit/meter/sequences.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// A client's total under one collector's name, then under another's.
std::vector<RawSeries> Rollout(double total, double rate, double scrape, int gap) {
  RawSeries before, after;
  before.identity = 1;
  after.identity = 2;
  for (int i = 0; i < 30; ++i) before.Add(scrape * i, Dollars(total + rate * scrape * i));
  for (int i = 29 + gap; i < 60; ++i) after.Add(scrape * i, Dollars(total + rate * scrape * i));
  return {before, after};
}

TEST(HandOver, BooksWhatLiesBetween) {
  for (const double scrape : {1.0, 15.0}) {
    for (const int gap : {1, 2, 3, 20}) {
      Driver driver(RulesOf(scrape));
      Poll(driver, Rollout(812.40, .01, scrape, gap), 0, 62 * scrape, {scrape, scrape, scrape * 3});
      EXPECT_EQ(driver.booked(), Dollars(.01 * scrape * 59)) << scrape << " " << gap;
      EXPECT_EQ(driver.held(), 0);
      EXPECT_EQ(driver.CountOf(JournalKind::kHandOver), 1u);
    }
  }
}

// In one long answer, whichever of the two stands first in it.
TEST(HandOver, DoesNotHangOnTheOrderOfAnAnswer) {
  auto world = Rollout(812.40, .01, 15, 3);
  for (int turn = 0; turn < 2; ++turn) {
    Driver driver;
    driver.Answer(world, After(-1), After(0), true);
    driver.Answer(world, After(0), After(900));
    EXPECT_EQ(driver.booked(), Dollars(.01 * 15 * 59));
    std::swap(world[0], world[1]);
  }
}

TEST(HandOver, SurvivesARestartOfTheReader) {
  const auto world = Rollout(812.40, .01, 15, 4);
  Driver driver;
  Poll(driver, world, 0, 29 * 15);
  driver.Restart();
  for (int i = 30; i < 62; ++i) driver.Answer(world, After(15 * i - 600), After(15 * i));
  EXPECT_EQ(driver.booked(), Dollars(.01 * 15 * 59));
  EXPECT_EQ(driver.held(), 0);
}

// It could have earned the total: what it goes on from is held.
TEST(HandOver, HoldsASmallTotalThatMayBeSpendOfItsOwn) {
  Driver driver;
  Poll(driver, Rollout(12.40, .01, 15, 3), 0, 930);
  EXPECT_EQ(driver.booked(), Dollars(.01 * 15 * 59));
  EXPECT_EQ(driver.held(), Dollars(12.40 + .01 * 15 * 29));
}

TEST(HandOver, OneThatGoesOnWasNone) {
  auto world = Rollout(812.40, .01, 15, 3);
  world[0].Add(15 * 40, Dollars(830));
  Driver driver;
  Poll(driver, world, 0, 930);
  EXPECT_GE(driver.held(), Dollars(812));
}

// A collector shows the last of a client that has moved on for some minutes.
TEST(HandOver, IsNoneTheLessOneWhileTheOldIsShownUnchanged) {
  for (const double scrape : {1.0, 15.0}) {
    for (const int shown : {1, 3, 8, 20}) {
      RawSeries before, after;
      before.identity = 1;
      after.identity = 2;
      const auto total = [](int i) { return Dollars(812.40 + .01 * i); };
      for (int i = 0; i < 30; ++i) before.Add(scrape * i, total(i));
      for (int i = 30; i < 30 + shown; ++i) before.Add(scrape * i, total(29));
      for (int i = 30; i < 90; ++i) after.Add(scrape * i, total(i));
      for (const bool swapped : {false, true}) {
        Driver driver(RulesOf(scrape));
        const auto world = swapped ? std::vector{after, before} : std::vector{before, after};
        Poll(driver, world, 0, 92 * scrape, {scrape, scrape, scrape * 3});
        EXPECT_EQ(driver.booked(), Dollars(.01 * 89)) << scrape << " " << shown << " " << swapped;
        EXPECT_EQ(driver.held(), 0) << scrape << " " << shown << " " << swapped;
      }
    }
  }
}

// When the old one last changed stands in its cursor, whenever the reader begins again.
TEST(HandOver, IsKnownThoughTheReaderBeginsAgainWhileBothAreShown) {
  RawSeries before, after;
  before.identity = 1;
  after.identity = 2;
  const auto total = [](int i) { return Dollars(812.40 + .01 * i); };
  for (int i = 0; i < 30; ++i) before.Add(15 * i, total(i));
  for (int i = 30; i < 50; ++i) before.Add(15 * i, total(29));
  for (int i = 30; i < 90; ++i) after.Add(15 * i, total(i));
  for (int killed = 27; killed < 36; ++killed) {
    Driver driver;
    Poll(driver, {before, after}, 0, 15 * killed, {15, 15, 45});
    driver.Restart();
    Poll(driver, {before, after}, 15 * (killed + 1), 92 * 15, {15, 15, 45, false});
    EXPECT_EQ(driver.booked(), Dollars(.01 * 89)) << killed;
    EXPECT_EQ(driver.held(), 0) << killed;
  }
}

// Sessions behind a collector, each of some cents: a rollout shows them all again.
TEST(HandOver, KnowsARolloutByManySmallTotals) {
  for (const double scrape : {1.0, 15.0}) {
    for (const int gap : {1, 4}) {
      std::vector<RawSeries> world;
      for (int client = 1; client <= 20; ++client) {
        RawSeries before, after;
        before.identity = static_cast<std::uint64_t>(client);
        after.identity = before.identity + 100;
        before.client = after.client = static_cast<std::uint32_t>(client);
        const auto total = [&](int i) { return Dollars(.04 * client + .0001 * (client % 3) * i); };
        for (int i = 0; i < 30; ++i) before.Add(scrape * i, total(i));
        for (int i = 29 + gap; i < 60; ++i) after.Add(scrape * i, total(i));
        world.push_back(before);
        world.push_back(after);
      }
      Driver driver(RulesOf(scrape));
      Poll(driver, world, 0, 62 * scrape, {scrape, scrape, scrape * 3});
      EXPECT_EQ(driver.booked(), Dollars(.0001 * 21 * 59)) << scrape << " " << gap;
      EXPECT_EQ(driver.held(), 0);
    }
  }
}

// Jobs of a few cents, one after the other: each is spend of its own.
TEST(HandOver, IsNoneOfSmallTotalsOfPodsThemselves) {
  std::vector<RawSeries> world;
  for (int job = 0; job < 6; ++job) {
    RawSeries series;
    series.identity = static_cast<std::uint64_t>(job + 1);
    for (int i = 0; i < 4; ++i) series.Add(15 + 60 * job + 15 * i, Dollars(.05));
    world.push_back(series);
  }
  Driver driver;
  Poll(driver, world, 0, 500);
  EXPECT_EQ(driver.booked(), Dollars(.30));
}

TEST(HandOver, IsForTheSameKeyOnly) {
  auto world = Rollout(812.40, .01, 15, 3);
  world[1].key = 1;
  Driver driver;
  Poll(driver, world, 0, 930);
  EXPECT_GT(driver.held(1), Dollars(812));
}

// Short jobs of one price, twenty minutes late: each is spend of its own.
TEST(FirstValue, BooksTheWholeSpendOfShortJobsAtTheirTime) {
  RawSeries one, two, writer;
  one.identity = 1;
  two.identity = 2;
  writer.identity = 3;
  writer.key = 1;
  for (int i = 0; i < 15; ++i) {
    one.Add(i, Dollars(10));
    two.Add(15 + i, Dollars(10));
  }
  for (int i = 0; i < 1300; ++i) writer.Add(i, Dollars(.1 + .001 * i));
  Driver driver(RulesOf(1));
  Poll(driver, {writer}, 0, 1200, {1, 1, 3, true});
  for (int i = 1200; i < 1260; ++i) driver.Answer({writer, one, two}, After(i - 3600), After(i));
  EXPECT_EQ(driver.booked(0), Dollars(20));
  EXPECT_EQ(driver.held(0), 0);
  for (const auto& booked : driver.bookings()) {
    EXPECT_TRUE(booked.key != 0 || booked.at < After(30));
  }
}

TEST(FirstValue, SmallOnesDoNotFloodTheJournal) {
  std::vector<RawSeries> world(1000);
  for (std::size_t i = 0; i < world.size(); ++i) {
    world[i].identity = i + 1;
    world[i].key = static_cast<std::uint32_t>(i);
    world[i].Add(0, Dollars(.02));
  }
  Driver driver;
  driver.Answer(world, After(-1), After(0));
  EXPECT_LE(driver.notes().size(), 202u);
  EXPECT_EQ(driver.booked(999), Dollars(.02));
}

TEST(FirstValue, WhatIsHeldOfManyIsToldByKey) {
  std::vector<RawSeries> world(1000);
  for (std::size_t i = 0; i < world.size(); ++i) {
    world[i].identity = i + 1;
    world[i].key = static_cast<std::uint32_t>(i % 10);
    world[i].Add(0, Dollars(500));
  }
  Driver driver;
  driver.Answer(world, After(-1), After(0));
  EXPECT_LE(driver.notes().size(), 220u);
  for (std::uint32_t key = 0; key < 10; ++key) EXPECT_EQ(driver.held(key), Dollars(50'000));
}

}  // namespace
}  // namespace purser::usage
