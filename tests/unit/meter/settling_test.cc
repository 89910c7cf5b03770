// What is held, or was booked unproved, and is settled when a start time shows itself later.
#include <gtest/gtest.h>

#include "unit/meter/meter_driver.h"

namespace purser::usage {
namespace {

using ledger::JournalKind;

// A counter of `values`, a scrape each; it began at `start`, which nobody tells before `told`.
RawSeries Late(const std::vector<double>& values, double start, double told) {
  RawSeries series;
  series.identity = 1;
  for (std::size_t i = 0; i < values.size(); ++i)
    series.Add(static_cast<double>(i) * 15, Dollars(values[i]), start);
  series.starts_from = After(told);
  return series;
}

std::int64_t BookedAt(const Driver& driver, double seconds) {
  std::int64_t sum = 0;
  for (const auto& booked : driver.bookings()) {
    if (ledger::MinuteOf(booked.at) == ledger::MinuteOf(After(seconds))) sum += booked.value;
  }
  return sum;
}

std::int64_t Settled(const Driver& driver) {
  return std::count_if(driver.notes().begin(), driver.notes().end(),
                       [](const Note& note) { return note.settles; });
}

TEST(Settling, AFirstValueIsBookedAtItsOwnTimeOnceItsStartIsTold) {
  Driver driver;
  // Half an hour old: $1 a second would be more.
  Poll(driver, {Late(std::vector<double>(40, 500), -1800, 40)}, 0, 600, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), Dollars(500));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(BookedAt(driver, 0), Dollars(500));
  EXPECT_EQ(Settled(driver), 1);
}

// More than an answer may make entries for: the rest is held in one for each key.
TEST(Settling, ManyAtOnceAreHeldInFewEntriesAndSettleOneByOne) {
  constexpr int kSeries = 500;
  std::vector<RawSeries> world;
  for (int i = 1; i <= kSeries; ++i) {
    // Every other one is never told.
    auto series = Late(std::vector<double>(40, 500), -1800, i % 2 == 0 ? 40 : 1e9);
    series.identity = static_cast<std::uint64_t>(i);
    series.key = static_cast<std::uint32_t>(i % 3);
    world.push_back(series);
  }
  Driver driver;
  Poll(driver, world, 0, 15, {15, 15, 45, false});
  EXPECT_LE(driver.notes().size(), 200u + 3u);
  EXPECT_EQ(driver.held(0) + driver.held(1) + driver.held(2), Dollars(500.0 * kSeries));
  const auto before = driver.notes().size();
  Poll(driver, world, 30, 600, {15, 15, 45, false});
  EXPECT_EQ(Settled(driver), kSeries / 2);
  EXPECT_EQ(driver.notes().size(), before + kSeries / 2);
  std::int64_t booked = 0;
  std::int64_t held = 0;
  for (std::uint32_t key = 0; key < 3; ++key) {
    booked += driver.booked(key);
    held += driver.held(key);
    EXPECT_GT(driver.held(key), 0);
  }
  EXPECT_EQ(booked, Dollars(500.0 * kSeries / 2));
  EXPECT_EQ(held, Dollars(500.0 * kSeries / 2));
}

TEST(Settling, AnOldCounterStaysHeld) {
  Driver driver;
  Poll(driver, {Late(std::vector<double>(40, 38'000), -100'000, 40)}, 0, 600, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(38'000));
  EXPECT_EQ(Settled(driver), 0);
}

TEST(Settling, AProcessThatBeganSinceIsNoProofOfWhatWasHeldBefore) {
  Driver driver;
  Poll(driver, {Late(std::vector<double>(40, 500), 20, 40)}, 0, 600, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(500));
}

TEST(Settling, AFallIsARestartOnceItsStartIsTold) {
  std::vector<double> values(10, 500);
  values.resize(60, 41);  // at 150 s; more than $1 a second
  for (const bool restarts : {false, true}) {
    Driver driver;
    const std::vector world = {Late(values, 137, 200)};
    Poll(driver, world, 0, 180);
    EXPECT_EQ(driver.held(), Dollars(41));
    if (restarts) driver.Restart();
    Poll(driver, world, 195, 600, {15, 15, 45, false});
    EXPECT_EQ(driver.booked(), Dollars(41));
    EXPECT_EQ(driver.held(), 0);
    EXPECT_EQ(BookedAt(driver, 150), Dollars(41));
  }
}

TEST(Settling, AFallThatWasNoRestartIsTakenBackAtItsOwnMinute) {
  std::vector<double> values(10, 500);
  values.resize(60, 9);
  Driver driver;
  Poll(driver, {Late(values, -5000, 200)}, 0, 195);
  EXPECT_EQ(driver.booked(), Dollars(9));
  Poll(driver, {Late(values, -5000, 200)}, 195, 600, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), 0);
  EXPECT_EQ(driver.held(), Dollars(9));
  EXPECT_EQ(BookedAt(driver, 150), 0);
  EXPECT_EQ(driver.CountOf(JournalKind::kReversal), 1u);
}

// One that grew to $20 and fell silent at 150 s, and one of $22 that shows itself at 180 s.
std::vector<RawSeries> HandedOver(double start, double told) {
  RawSeries ended, taker;
  ended.identity = 1;
  taker.identity = 2;
  for (int i = 0; i <= 10; ++i) ended.Add(15 * i, Dollars(10 + i));
  for (int i = 12; i < 60; ++i) taker.Add(15 * i, Dollars(22), start);
  taker.starts_from = After(told);
  return {ended, taker};
}

TEST(Settling, WhatWasHeldAtAHandOverIsBookedWhenItsProcessBeganAfterIt) {
  Driver driver;
  Poll(driver, HandedOver(160, 200), 0, 900);
  EXPECT_EQ(driver.booked(), Dollars(10 + 22));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(BookedAt(driver, 180), Dollars(22));
}

TEST(Settling, WhatWasHeldAtAHandOverIsNoneWhenItsProcessBeganBefore) {
  Driver driver;
  Poll(driver, HandedOver(-5000, 200), 0, 200);
  EXPECT_EQ(driver.held(), Dollars(20));
  Poll(driver, HandedOver(-5000, 200), 210, 900, {15, 15, 45, false});
  EXPECT_EQ(driver.booked(), Dollars(10 + 2));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(Settled(driver), 1);
}

TEST(Settling, WhatWasHeldAtAHandOverIsBookedWhenTheOtherReturns) {
  auto world = HandedOver(-5000, 1e6);
  for (int i = 20; i < 60; ++i) world[0].Add(15 * i, Dollars(20 + .01 * i));
  Driver driver;
  Poll(driver, world, 0, 900);
  EXPECT_EQ(driver.booked(), Dollars(10 + 22 + .59));
  EXPECT_EQ(driver.held(), 0);
  EXPECT_EQ(BookedAt(driver, 180), Dollars(22));
}

}  // namespace
}  // namespace purser::usage
