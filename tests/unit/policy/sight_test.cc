#include "policy/sight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "budget_builder.h"

namespace purser::policy {
namespace {

using api::SourceLossAction;
using std::chrono::seconds;

const Timestamp kLost = At("2026-11-27T10:00:00Z");

class SightTest : public testing::Test {
 protected:
  SightTest() {
    spec_.on_source_loss = {SourceLossAction::kStop, 600};
    source_.kind = SourceState::Kind::kHealthy;
  }
  void Lose(const std::string& reason) {
    source_.kind = SourceState::Kind::kLost;
    source_.reason = reason;
    source_.lost_since = kLost;
  }
  // As of so long after the loss; remembered as the last one.
  Sight At(Duration after) {
    const Sight sight = Look({spec_, source_, troubles_, metered_, expected_,
                              before_ ? &*before_ : nullptr, kLost + after});
    before_ = sight;
    return sight;
  }

  api::AgentBudgetSpec spec_;
  SourceState source_;
  std::map<std::string, AgentTrouble> troubles_;
  std::set<std::string> metered_;
  bool expected_ = true;
  std::optional<Sight> before_;
};

TEST_F(SightTest, AHealthySourceHoldsNothing) {
  const auto sight = At(seconds(0));
  EXPECT_TRUE(sight.may_relax);
  EXPECT_EQ(sight.level, Level::kNormal);
  EXPECT_EQ(sight.next, std::nullopt);
}

TEST_F(SightTest, TheFirstFailedPollStopsRelaxingAndNothingElse) {
  source_.doubtful = true;
  const auto sight = At(seconds(0));
  EXPECT_FALSE(sight.may_relax);
  EXPECT_EQ(sight.level, Level::kNormal);
}

TEST_F(SightTest, TheActionComesAfterItsTimeAndNotBefore) {
  Lose("PrometheusUnreachable");
  auto sight = At(seconds(599));
  EXPECT_FALSE(sight.may_relax);
  EXPECT_EQ(sight.level, Level::kNormal);
  EXPECT_EQ(sight.next, kLost + seconds(600));
  sight = At(seconds(600));
  EXPECT_EQ(sight.level, Level::kStopped);
  EXPECT_EQ(sight.next, std::nullopt);
  spec_.on_source_loss.action = SourceLossAction::kThrottle;
  before_.reset();
  EXPECT_EQ(At(seconds(600)).level, Level::kThrottled);
  spec_.on_source_loss.action = SourceLossAction::kHold;
  before_.reset();
  EXPECT_EQ(At(seconds(100'000)).level, Level::kNormal);
}

TEST_F(SightTest, WhatWasNeverReadIsHeldAndNotYetLost) {
  source_ = {};
  const auto sight = At(seconds(100'000));
  EXPECT_FALSE(sight.may_relax);
  EXPECT_EQ(sight.level, Level::kNormal);
}

TEST_F(SightTest, SilenceIsNoLossWhereNobodyRuns) {
  expected_ = false;
  for (const char* reason : {"NoSeries", "Stale"}) {
    Lose(reason);
    before_.reset();
    const auto sight = At(seconds(10'000));
    EXPECT_TRUE(sight.silent) << reason;
    EXPECT_TRUE(sight.may_relax) << reason << ": else agents never come back at a reset";
    EXPECT_EQ(sight.level, Level::kNormal) << reason;
  }
  Lose("PrometheusUnreachable");
  before_.reset();
  EXPECT_FALSE(At(seconds(10'000)).may_relax) << "nothing is known of anybody";
}

TEST_F(SightTest, WhatTheLossStoppedIsNotRestoredBecauseItIsSilentNow) {
  Lose("NoSeries");
  ASSERT_EQ(At(seconds(600)).level, Level::kStopped);
  expected_ = false;
  auto sight = At(seconds(900));
  EXPECT_EQ(sight.level, Level::kStopped);
  EXPECT_FALSE(sight.may_relax);
  source_ = {};
  source_.kind = SourceState::Kind::kHealthy;
  sight = At(seconds(1000));
  EXPECT_EQ(sight.level, Level::kNormal);
  EXPECT_TRUE(sight.may_relax);
}

TEST_F(SightTest, OneAgentsMeterConcernsItAlone) {
  troubles_["blind"] = {.lost = true, .since = kLost};
  auto sight = At(seconds(0));
  EXPECT_TRUE(sight.may_relax);
  EXPECT_EQ(sight.agents.at("blind").level, Level::kNormal) << "held, not yet stopped";
  EXPECT_EQ(sight.next, kLost + seconds(600));
  sight = At(seconds(600));
  EXPECT_EQ(sight.level, Level::kNormal);
  EXPECT_EQ(sight.agents.at("blind").level, Level::kStopped);
  EXPECT_EQ(sight.agents.size(), 1u);
  // Stopped, it shows no samples, and nothing is amiss with its meter.
  troubles_.clear();
  EXPECT_EQ(At(seconds(700)).agents.at("blind").level, Level::kStopped);
  metered_ = {"blind"};
  EXPECT_TRUE(At(seconds(800)).agents.empty());
}

TEST_F(SightTest, WithoutATimeALossBeginsWhenItIsFirstTold) {
  troubles_["blind"] = {.lost = true};
  EXPECT_EQ(At(seconds(50)).agents.at("blind").since, kLost + seconds(50));
  EXPECT_EQ(At(seconds(649)).agents.at("blind").level, Level::kNormal);
  EXPECT_EQ(At(seconds(650)).agents.at("blind").level, Level::kStopped);
}

TEST_F(SightTest, CallsWithoutAPriceStopWhereThatIsAsked) {
  troubles_["modern"] = {.unpriced = true};
  EXPECT_TRUE(At(seconds(0)).agents.empty());
  spec_.on_unpriced = api::OnUnpriced::kStop;
  EXPECT_EQ(At(seconds(0)).agents.at("modern").level, Level::kStopped);
  EXPECT_TRUE(At(seconds(0)).agents.at("modern").unpriced);
  troubles_["modern"].lost = true;
  EXPECT_FALSE(At(seconds(0)).agents.at("modern").unpriced);
}

TEST(DecideInTheDarkTest, TheLossIsAddedToTheThresholds) {
  SourceState lost;
  lost.kind = SourceState::Kind::kLost;
  lost.reason = "PrometheusUnreachable";
  lost.lost_since = policy::At("2026-11-23T19:00:00Z");
  const auto decide = [&](SourceLossAction action, const char* spent) {
    return BudgetBuilder().Spent(spent).Source(lost).OnSourceLoss(action, 60).Decide();
  };
  auto decision = decide(SourceLossAction::kThrottle, "1");
  EXPECT_EQ(decision.level, Level::kThrottled);
  EXPECT_EQ(ThrottledConcurrency(20, decision), 1) << "how much is left is not known";
  EXPECT_THAT(decision.message, testing::HasSubstr("onSourceLoss asks for Throttled after 60 s"));
  EXPECT_EQ(decide(SourceLossAction::kThrottle, "50").level, Level::kStopped);
  EXPECT_EQ(decide(SourceLossAction::kStop, "1").level, Level::kStopped);
  EXPECT_EQ(decide(SourceLossAction::kHold, "1").level, Level::kNormal);
}

TEST(CountTest, HeldMoneyCountsWhereThatIsAsked) {
  api::AgentBudgetSpec spec;
  EXPECT_EQ(Count(spec, Dollars("3"), Dollars("210"), {}).spent, Dollars("3"));
  spec.on_doubt = api::OnDoubt::kCount;
  EXPECT_EQ(Count(spec, Dollars("3"), Dollars("210"), {}).spent, Dollars("213"));
}

TEST(CountTest, ALostLedgersWitnessIsTheLeast) {
  const api::AgentBudgetSpec spec;
  const auto below = Count(spec, Dollars("3"), {}, Dollars("20"));
  EXPECT_EQ(below.spent, Dollars("20"));
  EXPECT_TRUE(below.witnessed);
  EXPECT_EQ(below.booked, Dollars("3"));
  const auto above = Count(spec, Dollars("21"), {}, Dollars("20"));
  EXPECT_EQ(above.spent, Dollars("21"));
  EXPECT_FALSE(above.witnessed);
}

TEST(CountTest, TakenBackMoneyNeverCountsBelowNothing) {
  EXPECT_EQ(Count({}, Money() - Dollars("5"), {}, {}).spent, Money());
}

}  // namespace
}  // namespace purser::policy
