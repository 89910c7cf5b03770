#include "controllers/metering/metering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Timestamp kNow = Timestamp(seconds(1'800'000'000));
const Duration kSilence = SilenceOf(seconds(15));

class MeteringTest : public testing::Test {
 protected:
  MeteringTest() { health_.state = ledger::SourceHealth::State::kHealthy; }
  void Seen(const std::string& ns, const std::string& agent, Duration ago) {
    report_.seen[{ns, agent}] = {kNow - ago};
  }
  Metering Of(std::optional<Duration> running_for) {
    health_.meters = std::make_shared<const ledger::MeterReport>(report_);
    WatchedAgent agent{"researcher", "Deployment researcher", std::nullopt};
    if (running_for) agent.running_since = kNow - *running_for;
    return MeteringOf("agents", {agent}, health_, kSilence, unclaimed_, kNow);
  }

  ledger::SourceHealth health_;
  ledger::MeterReport report_;
  Unclaimed unclaimed_;
};

TEST_F(MeteringTest, ASampleWithinFiveScrapesAndTwoMinutesIsFresh) {
  EXPECT_EQ(kSilence, minutes(2));
  EXPECT_EQ(SilenceOf(seconds(60)), minutes(5));
  Seen("agents", "researcher", kSilence);
  const auto metering = Of(minutes(60));
  EXPECT_THAT(metering.issues, IsEmpty());
  EXPECT_THAT(metering.metered, ElementsAre("researcher"));
  EXPECT_TRUE(metering.samples_expected);
}

TEST_F(MeteringTest, WhoRunsAndIsNoLongerSeenIsLost) {
  Seen("agents", "researcher", kSilence + seconds(1));
  const auto metering = Of(minutes(60));
  ASSERT_EQ(metering.issues.size(), 1u);
  const auto& issue = metering.issues.front();
  EXPECT_EQ(issue.reason, "NoSamples");
  EXPECT_TRUE(issue.lost);
  EXPECT_EQ(issue.since, kNow - kSilence - seconds(1));
  EXPECT_THAT(issue.message, HasSubstr("Deployment researcher"));
}

TEST_F(MeteringTest, AStoppedAgentIsNotExpectedToBeMetered) {
  Seen("agents", "researcher", minutes(600));
  auto metering = Of(std::nullopt);
  EXPECT_THAT(metering.issues, IsEmpty());
  EXPECT_FALSE(metering.samples_expected);
  metering = Of(kSilence - seconds(1));
  EXPECT_THAT(metering.issues, IsEmpty()) << "it has just come back";
  EXPECT_FALSE(metering.samples_expected);
}

TEST_F(MeteringTest, WhoWasNeverSeenIsToldWithTheNearestNameAsSoonAsSomebodyUnclaimedSpends) {
  unclaimed_.here = {"Researcher", "somebody"};
  EXPECT_THAT(Of(minutes(2) - seconds(1)).issues, IsEmpty());
  const auto metering = Of(minutes(2));
  ASSERT_EQ(metering.issues.size(), 1u);
  EXPECT_EQ(metering.issues.front().reason, "NeverSeen");
  EXPECT_TRUE(metering.issues.front().lost);
  EXPECT_THAT(metering.issues.front().message, HasSubstr("did you mean \"Researcher\"?"));
}

TEST_F(MeteringTest, WhoWasNeverSeenIsToldAfterTenMinutesWhereNobodyElseSpends) {
  EXPECT_THAT(Of(minutes(10) - seconds(1)).issues, IsEmpty());
  EXPECT_EQ(Of(minutes(10)).issues.size(), 1u);
}

TEST_F(MeteringTest, AFarNameIsToldTooAndOneOfAnotherNamespaceFirst) {
  unclaimed_.here = {"a", "b", "c", "d"};
  EXPECT_THAT(Of(minutes(10)).issues.front().message, HasSubstr("a, b, c and 1 more"));
  unclaimed_.elsewhere = std::make_shared<const Unclaimed::Elsewhere>(
      Unclaimed::Elsewhere{{"researcher", {"llm-gateway"}}});
  EXPECT_THAT(Of(minutes(10)).issues.front().message,
              HasSubstr("researcher is seen in namespace llm-gateway"));
}

TEST_F(MeteringTest, WhileTheSourceIsLostNoAgentIsToldAsMissing) {
  Seen("agents", "researcher", minutes(60));
  health_.state = ledger::SourceHealth::State::kLost;
  EXPECT_THAT(Of(minutes(60)).issues, IsEmpty());
  EXPECT_TRUE(Of(minutes(60)).samples_expected);
}

TEST_F(MeteringTest, WhatTheMeterFoundIsToldOfItsAgentAlone) {
  Seen("agents", "researcher", seconds(1));
  report_.findings[{"agents", "researcher"}] = {
      {"agents", "researcher", "NotANumber", "agent_cost_usd_total{…} is NaN", true}};
  report_.findings[{"others", "researcher"}] = {
      {"others", "researcher", "NotANumber", "of somebody else", true}};
  const auto metering = Of(minutes(60));
  ASSERT_EQ(metering.issues.size(), 1u);
  EXPECT_EQ(metering.issues.front().reason, "NotANumber");
  EXPECT_TRUE(metering.issues.front().lost);
}

}  // namespace
}  // namespace purser::controllers
