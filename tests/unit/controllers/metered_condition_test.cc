#include "controllers/metering/metered_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

using State = ledger::SourceHealth::State;
using testing::HasSubstr;

MeterIssue Issue(const std::string& agent, const std::string& reason, bool lost) {
  return {agent, reason, agent + ": " + reason, lost, std::nullopt};
}

TEST(MeteredConditionTest, TellsWhoIsLostFirstAndPricesNotAtAll) {
  const auto condition = MeteredOf(
      {Issue("twin", "DuplicateWriters", false), Issue("modern", kUnpriced, false),
       Issue("blind", "NoSamples", true)},
      [](const std::string& agent) { return agent == "blind" ? "; asked of it: Stopped" : ""; });
  EXPECT_FALSE(condition.metered);
  EXPECT_EQ(condition.reason, "NoSamples");
  EXPECT_EQ(condition.message, "blind: NoSamples; asked of it: Stopped; twin: DuplicateWriters");
}

TEST(MeteredConditionTest, OneWhoseSpendIsKnownIsMetered) {
  const auto condition = MeteredOf({Issue("twin", "DuplicateWriters", false)});
  EXPECT_TRUE(condition.metered);
  EXPECT_EQ(condition.reason, "DuplicateWriters");
  EXPECT_EQ(MeteredOf({Issue("modern", kUnpriced, false)}).reason, "Metered");
}

TEST(MeteredConditionTest, IsNoLongerThanTheSchemaAccepts) {
  std::vector<MeterIssue> issues(9, Issue("x", "NeverSeen", true));
  for (auto& issue : issues) issue.message = std::string(5000, 'x');
  const auto condition = MeteredOf(issues);
  EXPECT_LE(condition.message.size(), 4096u);
  EXPECT_THAT(condition.message, HasSubstr("and 4 more"));
}

TEST(MeteredConditionTest, APoolIsToldByItsSourcesFirst) {
  PoolMetering pool;
  EXPECT_EQ(MeteredOf(pool).reason, "NoBudget");
  EXPECT_FALSE(MeteredOf(pool).metered);
  pool.issues = {Issue("blind", "NoSamples", true)};
  pool.state = State::kNeverRead;
  EXPECT_EQ(MeteredOf(pool).reason, "NotReadYet");
  pool.state = State::kLost;
  EXPECT_EQ(MeteredOf(pool).reason, "SourceLost");
  EXPECT_EQ(MeteredOf(pool).message, "see the condition SourceHealthy of its AgentBudgets");
  pool.state = State::kHealthy;
  EXPECT_EQ(MeteredOf(pool).message, "blind: NoSamples");
}

}  // namespace
}  // namespace purser::controllers
