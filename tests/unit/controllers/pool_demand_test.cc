#include "controllers/agent_pool/pool_demand.h"

#include <gtest/gtest.h>

#include "unit/controllers/builders.h"
#include "workloads/workload_plan.h"

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

TEST(CombineDemandTest, BudgetsThatAreEquallyStrictAreAllNamed) {
  const auto stop = [](const char* name) {
    return EvaluationBuilder(name, Level::kStopped).Over(kPool, {"one", "two"}).Build();
  };
  const auto throttle = EvaluationBuilder("hourly", Level::kThrottled)
                            .Over(kPool, {"one", "two"}, {9, {4, 5}})
                            .Build();
  const auto demand =
      CombineDemand(kPool, {stop("daily"), throttle, stop("monthly"), stop("weekly")});
  EXPECT_EQ(demand.governor->budget.name, "daily");
  EXPECT_EQ(demand.beside, (std::vector<std::string>{"monthly", "weekly"}));
  EXPECT_EQ(GovernorText(*demand.governor, demand.beside),
            "budgets daily, monthly and weekly are equally strict; daily: ");
  EXPECT_EQ(GovernorText(*demand.governor, {}), "budget daily: ");
  const auto stricter = CombineDemand(kPool, {throttle, stop("daily")});
  EXPECT_TRUE(stricter.beside.empty());
}

// Ten agents share a pool of 20: each has 2 when nothing is short, whatever its
// own maximum.
TEST(CombineDemandTest, ReplicasFollowTheShareAnAgentHadNotThePoolsMaximum) {
  PoolBuilder builder("shared");
  std::vector<std::string> names;
  for (char name = 'a'; name < 'k'; ++name) {
    names.emplace_back(1, name);
    builder.Agent(names.back());
  }
  const auto pool = builder.Build();
  const auto replicas = [&](std::int32_t each, std::int32_t total) {
    const auto throttle = EvaluationBuilder("daily", Level::kThrottled)
                              .Over(pool, names, {total, std::vector<std::int32_t>(10, each)})
                              .Build();
    std::int32_t sum = 0;
    for (const auto& agent : CombineDemand(pool, {throttle}).agents) {
      sum += workloads::DesiredReplicas(agent.level, 5, agent.share, agent.share_of, {});
    }
    return sum;
  };
  EXPECT_EQ(replicas(2, 20), 50) << "at exactly 80 %, all of it is allowed";
  EXPECT_EQ(replicas(1, 10), 30) << "half of 5, rounded up";
}

TEST(CombineDemandTest, APersonsStopStopsWhateverWasSpent) {
  auto pool = kPool;
  pool.spec.stop.reason = "prompt injection";
  const auto demand = CombineDemand(pool, {});
  EXPECT_EQ(demand.level, Level::kStopped);
  EXPECT_EQ(demand.concurrency, 0);
  for (const auto& agent : demand.agents) {
    EXPECT_EQ(agent.level, Level::kStopped);
    EXPECT_TRUE(agent.stopped_by_person);
  }
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

TEST(CombineDemandTest, OneAgentIsStoppedAndItsNeighbourIsUntouched) {
  const auto each = EvaluationBuilder("each", Level::kStopped)
                        .Over(kPool, {"one"})
                        .Row("one", Level::kNormal)
                        .Over(kPool, {"two"})
                        .Row("two", Level::kNormal)
                        .Build();
  const auto demand = CombineDemand(kPool, {each});
  EXPECT_EQ(demand.agents[0].level, Level::kStopped);
  EXPECT_EQ(demand.agents[0].concurrency, 0);
  EXPECT_EQ(demand.agents[0].governor->subject->name, "one");
  EXPECT_EQ(demand.agents[1].level, Level::kNormal);
  EXPECT_EQ(demand.agents[1].concurrency, 20);
  EXPECT_EQ(demand.agents[1].governor, nullptr);
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
