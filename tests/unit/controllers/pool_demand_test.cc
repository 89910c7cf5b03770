#include "controllers/agent_pool/pool_demand.h"

#include <gtest/gtest.h>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

using policy::Level;

const api::AgentPool kPool = PoolBuilder("research").Agent("one", 8).Agent("two").Build();

TEST(CombineDemandTest, NothingCoversIt) {
  const auto demand = CombineDemand(kPool, {});
  EXPECT_FALSE(demand.covered);
  EXPECT_EQ(demand.level, Level::kNormal);
  EXPECT_EQ(demand.concurrency, 20);
  EXPECT_EQ(demand.agents[0].concurrency, 8);
  EXPECT_EQ(demand.agents[1].concurrency, 20);
  EXPECT_EQ(demand.governor, nullptr);
}

TEST(CombineDemandTest, TheStrictestWinsPerAgent) {
  const auto throttle = EvaluationBuilder("daily", Level::kThrottled)
                            .Over(kPool, {"one", "two"}, {9, {4, 5}})
                            .Build();
  const auto stop = EvaluationBuilder("tiny", Level::kStopped).Over(kPool, {"two"}).Build();
  const auto demand = CombineDemand(kPool, {throttle, stop});
  EXPECT_EQ(demand.agents[0].level, Level::kThrottled);
  EXPECT_EQ(demand.agents[0].concurrency, 4);
  EXPECT_EQ(demand.agents[0].governor->budget.name, "daily");
  EXPECT_EQ(demand.agents[1].level, Level::kStopped);
  EXPECT_EQ(demand.agents[1].concurrency, 0);
  EXPECT_EQ(demand.agents[1].governor->budget.name, "tiny");
  EXPECT_EQ(demand.level, Level::kStopped);
  EXPECT_EQ(demand.governor->budget.name, "tiny");
  EXPECT_EQ(demand.concurrency, 4);
}

TEST(CombineDemandTest, OfTwoThrottlesTheLowerConcurrencyGoverns) {
  const auto mild =
      EvaluationBuilder("a", Level::kThrottled).Over(kPool, {"one"}, {6, {6}}).Build();
  const auto hard =
      EvaluationBuilder("b", Level::kThrottled).Over(kPool, {"one"}, {2, {2}}).Build();
  for (const auto& covering : {std::vector{mild, hard}, std::vector{hard, mild}}) {
    const auto demand = CombineDemand(kPool, covering);
    EXPECT_EQ(demand.agents[0].concurrency, 2);
    EXPECT_EQ(demand.agents[0].governor->budget.name, "b");
  }
}

TEST(CombineDemandTest, AuditTouchesNothing) {
  const auto audit =
      EvaluationBuilder("try", Level::kStopped).Over(kPool, {"one", "two"}).Audit().Build();
  const auto demand = CombineDemand(kPool, {audit});
  EXPECT_TRUE(demand.audit_only);
  EXPECT_FALSE(demand.covered);
  EXPECT_EQ(demand.level, Level::kNormal);
  EXPECT_EQ(demand.concurrency, 20);
}

TEST(CombineDemandTest, AHoldingBudgetHoldsOnlyWhatItCovers) {
  const auto holding =
      EvaluationBuilder("blind", Level::kNormal).Over(kPool, {"one"}).Holding().Build();
  const auto demand = CombineDemand(kPool, {holding});
  EXPECT_FALSE(demand.agents[0].may_relax);
  EXPECT_TRUE(demand.agents[1].may_relax);
  EXPECT_FALSE(demand.may_relax);
}

TEST(CombineDemandTest, RefusingWorkAllowsNothingMore) {
  const auto refuse =
      EvaluationBuilder("refuse", Level::kRefusingWork).Over(kPool, {"one", "two"}).Build();
  const auto demand = CombineDemand(kPool, {refuse});
  EXPECT_EQ(demand.concurrency, 0);
  EXPECT_EQ(demand.level, Level::kRefusingWork);
}

}  // namespace
}  // namespace purser::controllers
