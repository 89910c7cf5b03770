// Units, rolling windows, lifetimes, downgrades and burn rates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "budget_builder.h"
#include "policy/measure.h"

namespace purser::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::StartsWith;

const api::BurnRate kFifth{"a-fifth", 20, hours(24), api::Action::kNotify, {}, {}};

TEST(MeasureTest, EachUnitCountsItsOwn) {
  Amounts amounts;
  amounts.cost = Dollars("3");
  amounts.calls = 7;
  amounts.input_tokens = 1000;
  amounts.cached_tokens = 400;
  amounts.output_tokens = 50;
  api::AgentBudgetSpec spec;
  EXPECT_EQ(MeasureOf(amounts, spec), Dollars("3"));
  spec.unit = Unit::kRequests;
  EXPECT_EQ(MeasureOf(amounts, spec).count(), 7);
  spec.unit = Unit::kTokens;
  using enum api::TokenKind;
  using enum api::CachedTokens;
  const auto count = [&](api::TokenKind kind, api::CachedTokens cached) {
    spec.tokens = {kind, cached};
    return MeasureOf(amounts, spec).count();
  };
  EXPECT_EQ(count(kTotal, kCount), 1050);
  EXPECT_EQ(count(kTotal, kIgnore), 650);
  EXPECT_EQ(count(kInput, kCount), 1000);
  EXPECT_EQ(count(kInput, kIgnore), 600);
  EXPECT_EQ(count(kOutput, kCount), 50);
  EXPECT_EQ(count(kOutput, kIgnore), 50);
}

TEST(RollingTest, TheWindowReachesItsLengthBackToTheMinuteOrTheQuarter) {
  api::WindowSpec spec;
  spec.type = api::WindowType::kRolling;
  spec.length = hours(24);
  const auto day = WindowAt(At("2026-11-27T10:07:31Z"), spec).value();
  EXPECT_EQ(day.start, At("2026-11-26T10:07:00Z"));
  EXPECT_EQ(day.end, At("2026-11-27T10:08:00Z")) << "when its beginning moves on";
  EXPECT_EQ(WindowAt(day.end, spec)->start, day.start + minutes(1));
  spec.length = hours(72);
  const auto days = WindowAt(At("2026-11-27T10:07:31Z"), spec).value();
  EXPECT_EQ(days.start, At("2026-11-24T10:00:00Z")) << "beyond two days to a quarter of an hour";
  EXPECT_EQ(days.end, At("2026-11-27T10:15:00Z"));
}

TEST(RollingTest, AThresholdIsLeftBelowNineTenthsAfterFiveMinutes) {
  const auto decide = [](std::string_view spent, const char* now, const BudgetDecision& before) {
    return BudgetBuilder().Rolling(hours(24)).Spent(spent).Now(now).After(before).Decide();
  };
  auto decision = decide("50", "2026-11-23T10:00:00Z", {});
  EXPECT_EQ(decision.level, Level::kStopped);
  EXPECT_EQ(decision.resets_at, std::nullopt);
  EXPECT_THAT(decision.message, StartsWith("spent $50 of $50 (100 %) within 24h (exact to 1m)"));
  decision = decide("46", "2026-11-23T10:01:00Z", decision);
  EXPECT_EQ(decision.level, Level::kStopped) << "above nine tenths";
  decision = decide("44", "2026-11-23T10:02:00Z", decision);
  EXPECT_EQ(decision.level, Level::kStopped) << "not for five minutes yet";
  EXPECT_EQ(decision.next, At("2026-11-23T10:03:00Z")) << "another threshold holds";
  decision = decide("44", "2026-11-23T10:07:00Z", decision);
  EXPECT_EQ(decision.level, Level::kThrottled) << "80 % of it is still spent";
  decision = decide("10", "2026-11-23T10:08:00Z", decision);
  decision = decide("10", "2026-11-23T10:13:00Z", decision);
  EXPECT_EQ(decision.level, Level::kNormal);
  EXPECT_EQ(BudgetBuilder().Spent("39").After(decision).Decide().latches, Latches())
      << "never in a calendar window";
}

TEST(RollingTest, WhatFallsOutMakesRoom) {
  const auto steady = BudgetBuilder().Rolling(hours(24)).Spent("24").LastHour("1").Decide();
  EXPECT_EQ(steady.projected, Dollars("24")) << "what a window holds at this rate";
  EXPECT_EQ(steady.exhausts_at, std::nullopt);
  const auto fast = BudgetBuilder().Rolling(hours(24)).Spent("24").LastHour("13").Decide();
  EXPECT_EQ(fast.exhausts_at, At("2026-11-23T21:48:00Z"));
}

TEST(LifetimeTest, BeginsWithAQuarterOfAnHour) {
  api::WindowSpec spec;
  spec.type = api::WindowType::kLifetime;
  EXPECT_EQ(WindowAt(At("2026-11-27T10:00:00Z"), spec, At("2026-11-01T03:14:59Z"))->start,
            At("2026-11-01T03:00:00Z"));
}

TEST(LifetimeTest, NothingResetsIt) {
  const auto decision = BudgetBuilder().Lifetime().Spent("45").LastHour("1").Decide();
  EXPECT_EQ(decision.level, Level::kThrottled);
  EXPECT_EQ(decision.resets_at, std::nullopt);
  EXPECT_EQ(decision.projected, std::nullopt);
  EXPECT_EQ(decision.exhausts_at, At("2026-11-24T00:48:00Z"));
  EXPECT_THAT(decision.message, HasSubstr("since 2026-10-31T20:00-04:00, for good"));
  EXPECT_EQ(decision.window.end, kNever);
}

TEST(UnitTest, MessagesSayWhatIsCounted) {
  const auto decision = BudgetBuilder().Of(Unit::kRequests).SpentNanos(1).Decide();
  EXPECT_THAT(decision.message, StartsWith("spent 1 request of 50000000000 requests (0 %)"));
}

TEST(DowngradeTest, EachThresholdIsAStep) {
  const auto steps = [](std::string_view spent) {
    return BudgetBuilder()
        .Thresholds({{50, api::Action::kDowngrade},
                     {70, api::Action::kDowngrade},
                     {100, api::Action::kStop}})
        .Spent(spent)
        .Decide();
  };
  EXPECT_EQ(steps("24").downgrades, 0);
  EXPECT_EQ(steps("25").downgrades, 1);
  EXPECT_EQ(steps("25").level, Level::kDowngraded);
  EXPECT_EQ(steps("35").downgrades, 2);
  EXPECT_EQ(steps("50").level, Level::kStopped);
}

TEST(BurnTest, BothTimesAndTheFloorMustBeReached) {
  const auto burns = [](std::string_view within, std::string_view confirm) {
    return !BudgetBuilder().Burning(kFifth, within, confirm).Decide().burning.empty();
  };
  // A fifth of $50 in 24 h; of that a 24th in the last hour.
  EXPECT_TRUE(burns("10", "0.42"));
  EXPECT_FALSE(burns("9.999999999", "0.42"));
  EXPECT_FALSE(burns("10", "0.4")) << "it was fast, and is not any more";
  EXPECT_FALSE(BudgetBuilder().Limit("2").Burning(kFifth, "0.5", "0.5").Decide().burning.size() ==
               1)
      << "less than a dollar is no alarm";
}

TEST(BurnTest, NotifyIsToldAndNothingIsAsked) {
  const auto decision = BudgetBuilder().Spent("12").Burning(kFifth, "12", "3").Decide();
  EXPECT_EQ(decision.level, Level::kNormal);
  EXPECT_THAT(decision.message,
              HasSubstr("; $12 of it within 24h (24 % of the limit, rule a-fifth); resets at"));
}

TEST(BurnTest, AThrottleBringsTheSpeedDownToTheRule) {
  auto rule = kFifth;
  rule.action = api::Action::kThrottle;
  const auto decision = BudgetBuilder().Spent("20").Burning(rule, "20", "3").Decide();
  EXPECT_EQ(decision.level, Level::kThrottled);
  EXPECT_EQ(ThrottledConcurrency(20, decision), 10) << "twice as fast as allowed";
  rule.action = api::Action::kStop;
  EXPECT_EQ(BudgetBuilder().Spent("20").Burning(rule, "20", "3").Decide().level, Level::kStopped);
}

TEST(BurnTest, ItIsLeftBelowNineTenthsAfterFiveMinutes) {
  auto decision = BudgetBuilder().Now("2026-11-23T10:00:00Z").Burning(kFifth, "10", "1").Decide();
  const auto later = [&](std::string_view within, const char* now) {
    decision = BudgetBuilder().Now(now).Burning(kFifth, within, "1").After(decision).Decide();
    return !decision.burning.empty();
  };
  EXPECT_TRUE(later("9", "2026-11-23T10:01:00Z"));
  EXPECT_TRUE(later("8.9", "2026-11-23T10:02:00Z"));
  EXPECT_TRUE(later("8.9", "2026-11-23T10:06:00Z"));
  EXPECT_FALSE(later("8.9", "2026-11-23T10:07:00Z"));
}

TEST(GraceTest, WhoAsksForMoreIsThrottledRatherThanStopped) {
  const auto decide = [](std::string_view spent, const char* now) {
    return BudgetBuilder().Spent(spent).Now(now).Asked("5", "2026-11-23T20:00:00Z").Decide();
  };
  const auto asked = decide("52", "2026-11-23T19:48:00Z");
  EXPECT_EQ(asked.level, Level::kThrottled);
  EXPECT_EQ(ThrottledConcurrency(20, asked), 1) << "one call at a time";
  EXPECT_EQ(asked.next, At("2026-11-23T20:00:00Z"));
  EXPECT_THAT(asked.message, HasSubstr("throttled rather than stopped until 2026-11-23T20:00:00Z, "
                                       "or $5 beyond the limit, as on-call asks for more"));
  EXPECT_EQ(decide("54.999999999", "2026-11-23T19:59:59Z").level, Level::kThrottled);
  EXPECT_EQ(decide("55", "2026-11-23T19:48:00Z").level, Level::kStopped)
      << "beyond what is allowed";
  EXPECT_EQ(decide("50", "2026-11-23T20:00:00Z").level, Level::kStopped) << "too late";
  EXPECT_EQ(decide("44", "2026-11-23T19:48:00Z").level, Level::kThrottled);
  EXPECT_EQ(decide("10", "2026-11-23T19:48:00Z").level, Level::kNormal);
}

TEST(GraceTest, DoesNotSoftenALostMeter) {
  SourceState lost;
  lost.kind = SourceState::Kind::kLost;
  lost.lost_since = At("2026-11-23T19:00:00Z");
  EXPECT_EQ(BudgetBuilder()
                .Spent("52")
                .Asked("5", "2026-11-23T20:00:00Z")
                .Source(lost)
                .OnSourceLoss(api::SourceLossAction::kStop, 60)
                .Decide()
                .level,
            Level::kStopped);
}

}  // namespace
}  // namespace purser::policy
