#include "gate/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::gate {
namespace {

using testing::HasSubstr;

Candidate Seen(std::string agent, std::int64_t cents, std::int64_t calls, std::int64_t failed,
               std::int64_t p95) {
  Candidate one;
  one.agent = std::move(agent);
  one.model = "m";
  one.mean_cost = Money::FromNanos(cents * 10'000'000);
  one.calls = calls;
  one.failed_calls = failed;
  one.p95_latency_ms = p95;
  return one;
}

Candidate Cold(std::string agent, std::int64_t cents) {
  Candidate one;
  one.agent = std::move(agent);
  one.list_cost = Money::FromNanos(cents * 10'000'000);
  return one;
}

std::string Chosen(const RouteWish& wish, const std::vector<Candidate>& candidates) {
  const auto route = Choose(wish, candidates);
  return route.chosen ? candidates[*route.chosen].agent : "";
}

TEST(RouteTest, WilsonsBound) {
  EXPECT_NEAR(WilsonLowerBound(1, 1), 0.2065, 1e-3);
  EXPECT_NEAR(WilsonLowerBound(100, 100), 0.963, 1e-3);
  EXPECT_NEAR(WilsonLowerBound(50, 100), 0.4038, 1e-3);
  EXPECT_EQ(WilsonLowerBound(0, 100), 0);
  EXPECT_EQ(WilsonLowerBound(0, 0), 0);
  EXPECT_LE(WilsonLowerBound(7, 3), 1.0);
}

TEST(RouteTest, CostCountsWhatFailureCosts) {
  EXPECT_EQ(Chosen({}, {Seen("cheap-and-wrong", 10, 100, 90, 1), Seen("right", 30, 100, 2, 1)}),
            "right");
  EXPECT_EQ(Chosen({}, {Seen("cheap", 10, 100, 2, 1), Seen("dear", 30, 100, 0, 1)}), "cheap");
}

TEST(RouteTest, OneLuckyCallDoesNotWin) {
  EXPECT_EQ(Chosen({}, {Seen("lucky", 10, 1, 0, 1), Seen("known", 20, 200, 4, 1)}), "known");
  const auto route = Choose({.minimum_success = 0.5}, {Seen("lucky", 1, 1, 0, 1)});
  EXPECT_FALSE(route.chosen);
  EXPECT_THAT(route.weighed[0].why, HasSubstr("20.7 % at least, 50.0 % is asked for"));
}

TEST(RouteTest, LatencyAndItsCeiling) {
  const std::vector<Candidate> two = {Seen("slow", 1, 100, 0, 900), Seen("fast", 9, 100, 0, 300)};
  EXPECT_EQ(Chosen({.objective = Objective::kLatency}, two), "fast");
  EXPECT_EQ(Chosen({.objective = Objective::kCost}, two), "slow");
  EXPECT_EQ(Chosen({.objective = Objective::kCost, .maximum_latency_ms = 500}, two), "fast");
  EXPECT_EQ(Chosen({.maximum_latency_ms = 10}, two), "");
}

TEST(RouteTest, AutoTurnsToTheCheaperAsTheBudgetShrinks) {
  auto slow = Seen("cheap-slow", 1, 1000, 0, 2000);
  auto fast = Seen("dear-fast", 8, 1000, 0, 400);
  const RouteWish wish{.objective = Objective::kAuto};
  EXPECT_EQ(Chosen(wish, {slow, fast}), "dear-fast");
  std::string last = "dear-fast";
  int turns = 0;
  for (int pressure = 0; pressure <= 100; pressure += 5) {
    slow.pressure = fast.pressure = pressure;
    const auto chosen = Chosen(wish, {slow, fast});
    turns += chosen != last ? 1 : 0;
    last = chosen;
  }
  EXPECT_EQ(last, "cheap-slow");
  EXPECT_EQ(turns, 1);
}

TEST(RouteTest, AutoSparesTheAgentWhoseOwnBudgetIsNearlySpent) {
  auto spent = Seen("spent", 2, 1000, 0, 400);
  auto fresh = Seen("fresh", 3, 1000, 0, 500);
  spent.pressure = 97;
  fresh.pressure = 10;
  EXPECT_EQ(Chosen({.objective = Objective::kAuto}, {spent, fresh}), "fresh");
}

TEST(RouteTest, AColdStartGoesByThePriceList) {
  EXPECT_EQ(Chosen({.minimum_success = 0.9}, {Cold("dear", 9), Cold("cheap", 2)}), "cheap");
  EXPECT_EQ(Chosen({}, {Cold("cheap", 1), Seen("known", 20, 50, 1, 1)}), "known")
      << "nothing is tried out unasked";
  auto unpriced = Cold("unpriced", 0);
  unpriced.list_cost = std::nullopt;
  EXPECT_EQ(Chosen({}, {unpriced, Cold("cheap", 2)}), "cheap");
  EXPECT_EQ(Chosen({}, {unpriced}), "unpriced");
}

TEST(RouteTest, EveryCandidateIsExplained) {
  auto stopped = Seen("stopped", 1, 100, 0, 1);
  stopped.excluded = "is stopped by AgentBudget team/day";
  const auto route = Choose(
      {}, {stopped, Seen("good", 5, 100, 1, 250), Cold("new", 1), Seen("bad", 1, 10, 10, 1)});
  ASSERT_TRUE(route.chosen);
  EXPECT_EQ(*route.chosen, 1U);
  EXPECT_THAT(route.weighed[0].why, HasSubstr("team/day"));
  EXPECT_THAT(route.weighed[1].why, HasSubstr("250 ms"));
  EXPECT_THAT(route.weighed[2].why, HasSubstr("never seen; $0.01 a call"));
  EXPECT_THAT(route.weighed[3].why, HasSubstr("unknown cost"));
  EXPECT_THAT(route.reason, HasSubstr("least cost"));
  EXPECT_FALSE(Choose({}, {}).chosen);
}

}  // namespace
}  // namespace purser::gate
