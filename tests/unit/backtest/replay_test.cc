#include "backtest/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "unit/backtest/days.h"

namespace purser::backtest {
namespace {

using policy::Level;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kPoll = seconds(15);

std::vector<Level> LevelsOf(const Replayed& replayed) {
  std::vector<Level> levels;
  for (const auto& event : replayed.events) levels.push_back(event.level);
  return levels;
}

TEST(ReplayTest, ThrottledThenStoppedThenResetAtMidnight) {
  auto calls = DollarAMinute("a", 30);
  const auto morning = DollarAMinute("a", 3);
  for (auto call : morning) {
    call.at += std::chrono::hours(13);
    calls.push_back(call);
  }
  const auto replayed =
      Replay(Under("limit: \"10\", burnRates: [], scope: {pools: [p]}"), calls, kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_EQ(LevelsOf(*replayed), (std::vector{Level::kThrottled, Level::kStopped, Level::kNormal}));
  EXPECT_EQ(replayed->events[0].at, kNoon + minutes(7) + kPoll);  // the eighth dollar, a poll later
  EXPECT_EQ(replayed->events[2].at, *ParseRfc3339("2026-01-06T00:00:00Z"));
  EXPECT_EQ(replayed->all.spent.cost.ToDecimal(), "13");  // ten, and three of the next day
  EXPECT_EQ(replayed->all.asked.calls, 33);
}

TEST(ReplayTest, EachHasItsOwnLimit) {
  auto calls = DollarAMinute("a", 20);
  calls.push_back(CallOf("b", minutes(19), 100));
  const auto replayed = Replay(Under("limit: \"5\", burnRates: [], scope: {pools: [p], per: "
                                     "Agent}, thresholds: [{percent: 100, action: Stop}]"),
                               calls, kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  ASSERT_EQ(replayed->events.size(), 1U);
  EXPECT_EQ(replayed->events[0].subject, "a");
  EXPECT_EQ(replayed->agents.at("default/a").spent.cost.ToDecimal(), "5");
  EXPECT_EQ(replayed->agents.at("default/a").refused.calls, 15);
  EXPECT_EQ(replayed->agents.at("default/b").spent.calls, 1);
}

TEST(ReplayTest, ARollingWindowLetsGoOnAsItMoves) {
  const auto replayed = Replay(
      Under(
          "limit: \"5\", burnRates: [], window: {type: Rolling, period: 10m}, scope: {pools: [p]},"
          " thresholds: [{percent: 100, action: Stop}]"),
      DollarAMinute("a", 60), kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  const auto levels = LevelsOf(*replayed);
  ASSERT_GE(levels.size(), 4U);
  EXPECT_EQ(levels[0], Level::kStopped);
  EXPECT_EQ(levels[1], Level::kNormal);
  EXPECT_EQ(levels[2], Level::kStopped);
  EXPECT_LE(replayed->all.spent.calls, 30);
}

TEST(ReplayTest, ABurnRateStopsWhateverIsLeft) {
  const auto replayed =
      Replay(Under("limit: \"1000\", scope: {pools: [p]},"
                   " burnRates: [{name: burst, percent: 1, within: 1h, action: Stop}]"),
             DollarAMinute("a", 60), kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  ASSERT_FALSE(replayed->events.empty());
  EXPECT_EQ(replayed->events[0].level, Level::kStopped);
  EXPECT_LT(replayed->all.spent.cost.nanos(), 20'000'000'000);
}

TEST(ReplayTest, AuditIsTakenAsIfItEnforced) {
  const auto replayed =
      Replay(Under("limit: \"1\", mode: Audit, burnRates: [], scope: {pools: [p]}"),
             DollarAMinute("a", 9), kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_EQ(replayed->all.spent.calls, 1);
}

TEST(ReplayTest, AnAgentThatNoPoolNamesIsCountedAndNotHeld) {
  const auto replayed = Replay(Under("limit: \"3\", burnRates: [], scope: {pools: [\"*\"]}"),
                               DollarAMinute("stray", 9), kPoll);
  ASSERT_TRUE(replayed) << replayed.error().message();
  EXPECT_EQ(replayed->all.spent.calls, 9);
  EXPECT_EQ(LevelsOf(*replayed), (std::vector{Level::kStopped}));
}

TEST(ReplayTest, WhatCannotBeReplayedIsAnError) {
  const auto calls = DollarAMinute("a", 1);
  EXPECT_FALSE(Replay({}, calls, kPoll));
  EXPECT_FALSE(Replay(Under("limit: \"3\", scope: {pools: [p]}"), {}, kPoll));
  const auto zone = Replay(
      Under("limit: \"3\", window: {timeZone: Mars/North}, scope: {pools: [p]}"), calls, kPoll);
  ASSERT_FALSE(zone);
  EXPECT_NE(zone.error().message().find("AgentBudget default/b: spec.window.timeZone: "),
            std::string::npos);
}

// Nothing vanishes, and no more is spent past a Stop than was asked within one poll.
TEST(ReplayTest, ManyDaysAreExact) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    std::vector<Call> calls;
    Duration at{0};
    for (int i = draw(1, 400); i > 0; --i) {
      at += Duration(draw(0, 90'000));
      calls.push_back(CallOf(draw(0, 1) != 0 ? "a" : "b", at, draw(1, 99)));
    }
    const std::int64_t limit = draw(1, 60);
    const auto replayed =
        Replay(Under("limit: \"" + std::to_string(limit) +
                     "\", burnRates: [], window: {type: Lifetime}, scope: {pools: [p]}"),
               calls, kPoll);
    ASSERT_TRUE(replayed) << replayed.error().message();
    const auto& all = replayed->all;
    EXPECT_EQ(all.asked, all.spent + all.refused + all.held_back);
    Outcome sum;
    for (const auto& [name, one] : replayed->agents) sum.spent += one.spent;
    EXPECT_EQ(sum.spent, all.spent);
    Money most;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      Money within;
      for (std::size_t j = i; j < calls.size() && calls[j].at <= calls[i].at + kPoll; ++j)
        within += calls[j].amounts.cost;
      most = std::max(most, within);
    }
    EXPECT_LE(all.spent.cost, Money::FromNanos(limit * 1'000'000'000) + most) << seed;
  }
}

}  // namespace
}  // namespace purser::backtest
