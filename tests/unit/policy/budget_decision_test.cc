#include "policy/budget_decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "budget_builder.h"

namespace purser::policy {
namespace {

using api::Action;
using Thresholds = std::vector<api::Threshold>;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct LevelCase {
  const char* name;
  const char* limit;
  const char* spent;
  Thresholds thresholds;
  Level want;
  std::optional<std::int32_t> want_percent;
};

const Thresholds kUsual = {{80, Action::kThrottle}, {100, Action::kStop}};

TEST(DecideTest, TheStrongestOfTheCrossedThresholds) {
  const LevelCase cases[] = {
      {"nothing spent", "50", "0", kUsual, Level::kNormal, {}},
      {"one nano-dollar below", "50", "39.999999999", kUsual, Level::kNormal, {}},
      {"exactly at", "50", "40", kUsual, Level::kThrottled, 80},
      {"one nano-dollar below the stop", "50", "49.999999999", kUsual, Level::kThrottled, 80},
      {"at the stop", "50", "50", kUsual, Level::kStopped, 100},
      {"far above", "50", "900000000", kUsual, Level::kStopped, 100},
      {"the smallest limit", "0.000000001", "0.000000001", kUsual, Level::kStopped, 100},
      {"unsorted",
       "50",
       "41",
       {{100, Action::kStop}, {80, Action::kThrottle}, {50, Action::kNotify}},
       Level::kThrottled,
       80},
      {"a stop below 100 %", "50", "30", {{60, Action::kStop}}, Level::kStopped, 60},
      {"notify only",
       "50",
       "99",
       {{80, Action::kNotify}, {100, Action::kNotify}},
       Level::kWarning,
       100},
      {"refuse new work",
       "50",
       "45",
       {{80, Action::kThrottle}, {90, Action::kRefuseNewWork}},
       Level::kRefusingWork,
       90},
      {"a weaker action at a higher percent",
       "50",
       "51",
       {{50, Action::kStop}, {100, Action::kNotify}},
       Level::kStopped,
       50},
      {"above 100 %", "50", "74.99", {{150, Action::kStop}}, Level::kNormal, {}},
      {"at 150 %", "50", "75", {{150, Action::kStop}}, Level::kStopped, 150},
      {"an action unknown here is the strongest",
       "50",
       "50",
       {{100, static_cast<Action>(99)}},
       Level::kStopped,
       100},
      {"no thresholds are the defaults: throttle", "50", "40", {}, Level::kThrottled, 80},
      {"no thresholds are the defaults: stop", "50", "50", {}, Level::kStopped, 100},
      {"limit 0: stopped at once", "0", "0", kUsual, Level::kStopped, 100},
      {"limit 0, no thresholds", "0", "0", {}, Level::kStopped, 100},
      {"limit 0, notify only", "0", "0", {{80, Action::kNotify}}, Level::kWarning, 80},
  };
  for (const auto& c : cases) {
    const auto decision =
        BudgetBuilder().Limit(c.limit).Spent(c.spent).Thresholds(c.thresholds).Decide();
    EXPECT_EQ(decision.level, c.want) << c.name << ": " << ToString(decision.level);
    EXPECT_EQ(decision.crossed_percent, c.want_percent) << c.name;
  }
}

TEST(DecideTest, Amounts) {
  const auto decision = BudgetBuilder().Spent("41.24").Decide();
  EXPECT_EQ(decision.spent, Dollars("41.24"));
  EXPECT_EQ(decision.limit, Dollars("50"));
  EXPECT_EQ(decision.remaining, Dollars("8.76"));
  EXPECT_EQ(decision.percent_used, 82);
  EXPECT_EQ(Text(decision.window), "2026-11-23T05:00:00Z 2026-11-24T05:00:00Z");
  EXPECT_TRUE(decision.may_relax);
  EXPECT_FALSE(decision.audit);
  EXPECT_EQ(BudgetBuilder().Spent("51").Decide().remaining, Money());
}

struct CurveCase {
  const char* name;
  const char* spent;
  Thresholds thresholds;
  std::int32_t maximum;
  std::int32_t want;
};

// L = clamp(ceil(Lmax * (1 - u) / (1 - soft)), 1, Lmax), with a limit of $50.
TEST(ThrottledConcurrencyTest, FollowsTheCurve) {
  const Thresholds only_throttle = {{80, Action::kThrottle}};
  const CurveCase cases[] = {
      {"below soft nothing is cut", "39.99", kUsual, 20, 20},
      {"at soft", "40", kUsual, 20, 20},
      {"just above soft", "40.000000001", kUsual, 20, 20},
      {"one step", "40.5", kUsual, 20, 19},
      {"half way", "45", kUsual, 20, 10},
      {"rounded up", "45.01", kUsual, 20, 10},
      {"82 %", "41.24", kUsual, 20, 18},
      {"the last nano-dollar", "49.999999999", kUsual, 20, 1},
      {"one call stays one call", "45", kUsual, 1, 1},
      {"nothing stays nothing", "45", kUsual, 0, 0},
      {"never negative", "45", kUsual, -4, 0},
      {"throttle without stop at 100 %", "50", only_throttle, 20, 1},
      {"throttle without stop far above", "5000", only_throttle, 20, 1},
      {"the first of two throttles is soft",
       "45",
       {{90, Action::kThrottle}, {50, Action::kThrottle}},
       20,
       4},
      {"soft at 100 %", "50", {{100, Action::kThrottle}}, 20, 1},
      {"soft above 100 %, not crossed", "59", {{120, Action::kThrottle}}, 20, 20},
      {"soft above 100 %, crossed", "61", {{120, Action::kThrottle}}, 20, 1},
      {"huge maximum", "45", kUsual, std::numeric_limits<std::int32_t>::max(), 1 << 30},
      {"stopped is not a matter of the curve", "50", kUsual, 20, 20},
  };
  for (const auto& c : cases) {
    const auto decision = BudgetBuilder().Spent(c.spent).Thresholds(c.thresholds).Decide();
    EXPECT_EQ(ThrottledConcurrency(c.maximum, decision), c.want) << c.name;
  }
}

TEST(ThrottledConcurrencyTest, LimitZeroThrottledIsOneCall) {
  const auto decision = BudgetBuilder().Limit("0").Thresholds({{1, Action::kThrottle}}).Decide();
  EXPECT_EQ(decision.level, Level::kThrottled);
  EXPECT_EQ(ThrottledConcurrency(20, decision), 1);
}

// Spend only grows, so the allowance must never grow with it, and is exact
// against wide arithmetic.
TEST(ThrottledConcurrencyTest, NeverGrowsWithSpend) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto limit = std::uniform_int_distribution<std::int64_t>(1, 999'999'999)(random);
    const auto maximum = std::uniform_int_distribution<std::int32_t>(1, 100'000)(random);
    const auto soft = std::uniform_int_distribution<std::int32_t>(1, 99)(random);
    std::int32_t last = maximum;
    for (std::int64_t step = 0; step <= 50; ++step) {
      const auto spent = limit * step * (Money::kNanosPerDollar / 50);
      const auto decision = BudgetBuilder()
                                .Limit(std::to_string(limit))
                                .SpentNanos(spent)
                                .Thresholds({{soft, Action::kThrottle}})
                                .Decide();
      const auto allowed = ThrottledConcurrency(maximum, decision);
      ASSERT_LE(allowed, last);
      ASSERT_GE(allowed, 1);
      last = allowed;
    }
    ASSERT_EQ(last, 1);
  }
}

struct ForecastCase {
  const char* name;
  const char* spent;
  const char* last_hour;
  const char* last_5_minutes;
  const char* want_projected;
  const char* want_exhausts;  // empty: none
};

// $50, 9 h 12 min before the window's end.
TEST(DecideTest, Forecast) {
  const ForecastCase cases[] = {
      {"idle", "10", "0", "0", "10", ""},
      {"the last hour's rate", "10", "5", "0", "56", "2026-11-24T03:48:00Z"},
      {"the last five minutes when faster", "10", "5", "1", "120.4", "2026-11-23T23:08:00Z"},
      {"not before the end", "10", "1", "0", "19.2", ""},
      {"exactly at the end", "4", "5", "0", "50", ""},
      {"already exhausted", "51", "5", "0", "97", ""},
  };
  for (const auto& c : cases) {
    const auto decision = BudgetBuilder()
                              .Spent(c.spent)
                              .LastHour(c.last_hour)
                              .Last5Minutes(c.last_5_minutes)
                              .Decide();
    EXPECT_EQ(ToDecimal(*decision.projected, Unit::kUsd), c.want_projected) << c.name;
    EXPECT_EQ(decision.exhausts_at ? FormatUtc(*decision.exhausts_at) : "", c.want_exhausts)
        << c.name;
    EXPECT_EQ(decision.burn_per_hour, Dollars(c.last_hour)) << c.name;
  }
}

TEST(DecideTest, ForecastSaturates) {
  const auto decision =
      BudgetBuilder().Spent("1").LastHour("999999999").Last5Minutes("999999999").Decide();
  EXPECT_EQ(decision.projected->count(), std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(decision.exhausts_at.has_value());
  EXPECT_EQ(FormatUtc(*decision.exhausts_at), "2026-11-23T19:48:00Z");
}

TEST(DecideTest, TellsWhenTheNextThresholdComes) {
  const auto decision = BudgetBuilder().Spent("30").Last5Minutes("5").Decide();
  EXPECT_EQ(decision.next_threshold_in, std::chrono::minutes(10));
  EXPECT_EQ(BudgetBuilder().Spent("30").Decide().next_threshold_in, std::nullopt);
}

TEST(DecideMessageTest, TellsWhoHowMuchOfWhatUntilWhen) {
  EXPECT_EQ(BudgetBuilder().Spent("41.24").Decide().message,
            "spent $41.24 of $50 (82 %) since 2026-11-23T00:00-05:00; resets "
            "at 2026-11-24T05:00:00Z");
  EXPECT_EQ(BudgetBuilder().Zone("UTC").Spent("0.5").Limit("1").Decide().message,
            "spent $0.50 of $1 (50 %) since 2026-11-23T00:00Z; resets at "
            "2026-11-24T00:00:00Z");
}

TEST(DecideMessageTest, MarksWhatComesNext) {
  const auto outlook = [](const BudgetDecision& decision) {
    return decision.message.substr(decision.message.size() - decision.outlook_size);
  };
  EXPECT_EQ(outlook(BudgetBuilder().Spent("41.24").Decide()), "; resets at 2026-11-24T05:00:00Z");
  EXPECT_THAT(outlook(BudgetBuilder().Audit().Spent("50").Source({}).Decide()),
              StartsWith("; resets at 2026-11-24T05:00:00Z; spend has not been "
                         "read completely yet; what is in force"));
}

TEST(DecideMessageTest, AuditSaysWhatWouldBeDone) {
  const auto stopped = BudgetBuilder().Audit().Spent("50").Decide();
  EXPECT_TRUE(stopped.audit);
  EXPECT_EQ(stopped.level, Level::kStopped);
  EXPECT_THAT(stopped.message, HasSubstr("; mode Audit: would be Stopped, nothing is touched;"));
  EXPECT_THAT(BudgetBuilder().Audit().Spent("1").Decide().message, Not(HasSubstr("Audit")));
}

TEST(DecideSourceTest, ALostSourceHoldsAndSaysSo) {
  const auto decision = BudgetBuilder()
                            .Spent("41.24")
                            .Source({SourceState::Kind::kLost, "PrometheusUnreachable",
                                     "connection refused", At("2026-11-23T19:40:00Z")})
                            .Decide();
  EXPECT_FALSE(decision.may_relax);
  EXPECT_EQ(decision.level, Level::kThrottled);
  EXPECT_THAT(decision.message,
              EndsWith("; resets at 2026-11-24T05:00:00Z; spend is not readable since "
                       "2026-11-23T19:40:00Z (PrometheusUnreachable): connection refused; what is "
                       "in force is held until source \"default\" is read again: see the "
                       "condition SourceHealthy"));
}

TEST(DecideSourceTest, ASourceNeverReadIsNotZero) {
  const auto decision = BudgetBuilder().Source({}).Decide();
  EXPECT_FALSE(decision.may_relax);
  EXPECT_THAT(decision.message,
              HasSubstr("; spend has not been read completely yet; what is in force is held"));
  const auto stopped =
      BudgetBuilder().Spent("50").Source({SourceState::Kind::kLost, "", "", {}}).Decide();
  EXPECT_EQ(stopped.level, Level::kStopped);
}

TEST(LevelTest, Names) {
  const std::pair<Level, const char*> cases[] = {
      {Level::kNormal, "Normal"},       {Level::kWarning, "Warning"},
      {Level::kThrottled, "Throttled"}, {Level::kRefusingWork, "RefusingWork"},
      {Level::kStopped, "Stopped"},     {static_cast<Level>(99), "Stopped"},
  };
  for (const auto& [level, want] : cases) EXPECT_EQ(ToString(level), want);
}

}  // namespace
}  // namespace purser::policy
