#include "controllers/agent_budget/still_spending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

using testing::HasSubstr;
using testing::Not;

const Timestamp kNow = Timestamp(std::chrono::seconds(1'800'000'000));
const kube::ObjectKey kPool{"agents", "research"};

SpentAfterStop Spent(const std::string& agent, std::int64_t running = 0) {
  return {agent,   CostOf(Money::FromNanos(Money::kNanosPerDollar)),
          kNow,    "Deployment " + agent,
          running, false};
}

class StillSpendingTest : public testing::Test {
 protected:
  api::AgentBudgetStatus Report() {
    const auto evaluation = EvaluationBuilder("daily", policy::Level::kStopped)
                                .Over(PoolBuilder("research").Build(), {"one", "two"})
                                .Build();
    const std::optional<BudgetProblem> problem;
    const BudgetReport report{budget_, problem, evaluation.get(), agents_, health_, {}, kNow,
                              {},      {},      &board_};
    return BuildBudgetStatus(report);
  }
  const kube::Condition& Condition(const api::AgentBudgetStatus& status, const char* type) {
    const auto* found = FindCondition(status.conditions, type);
    static const kube::Condition kNone;
    return found == nullptr ? kNone : *found;
  }

  StillSpendingBoard board_;
  api::AgentBudget budget_;
  ledger::Ledger::AgentTotals agents_;
  ledger::SourceHealth health_;
};

TEST_F(StillSpendingTest, MakesTheBudgetNotReadyAndSaysWhatToLookFor) {
  board_.Put(kPool, {Spent("one")});
  const auto status = Report();
  const auto& told = Condition(status, "StillSpending");
  EXPECT_EQ(told.status, "True");
  EXPECT_THAT(told.message, HasSubstr("one $1 or more since 2027-01-15T08:00:00Z"));
  EXPECT_THAT(told.message, HasSubstr("Rollout, Job or bare pod"));
  EXPECT_THAT(told.message, Not(HasSubstr("pods still run")));
  EXPECT_EQ(Condition(status, "Ready").status, "False");
  EXPECT_EQ(Condition(status, "Ready").reason, "SpendAfterStop");
}

TEST_F(StillSpendingTest, IsOfTheAgentsInItsScopeAlone) {
  board_.Put(kPool, {Spent("stranger")});
  const auto status = Report();
  EXPECT_EQ(Condition(status, "StillSpending").status, "False");
  EXPECT_EQ(Condition(status, "Ready").status, "True");
}

TEST_F(StillSpendingTest, WhatWasToldHoldsUntilThePoolsHaveBeenLookedAt) {
  board_.Put(kPool, {Spent("one")});
  budget_.status = Report();
  board_.Remove(kPool);
  EXPECT_EQ(Condition(Report(), "StillSpending").status, "True");
  EXPECT_EQ(Condition(Report(), "Ready").status, "False");
  board_.Put(kPool, {});
  EXPECT_EQ(Condition(Report(), "StillSpending").status, "False");
  EXPECT_EQ(Condition(Report(), "Ready").status, "True");
}

TEST_F(StillSpendingTest, OnlyOtherSpendersAreNews) {
  EXPECT_TRUE(board_.Put(kPool, {}));
  EXPECT_FALSE(board_.Put(kPool, {}));
  EXPECT_TRUE(board_.Put(kPool, {Spent("one")}));
  auto more = Spent("one");
  more.spent = CostOf(Money::FromNanos(2 * Money::kNanosPerDollar));
  EXPECT_FALSE(board_.Put(kPool, {more}));
  EXPECT_TRUE(board_.Put(kPool, {Spent("one", 1)}));
}

TEST_F(StillSpendingTest, SaysWhetherPodsOfItsOwnSpendOrSomethingElse) {
  const auto own = StillSpendingMessage({Spent("one", 2)});
  EXPECT_THAT(own, HasSubstr("2 pods still run"));
  EXPECT_THAT(own, HasSubstr("SIGTERM"));
  EXPECT_THAT(own, Not(HasSubstr("another cluster")));
  auto kept = Spent("one", 2);
  kept.kept = true;
  EXPECT_THAT(StillSpendingMessage({kept}), HasSubstr("onStop is Keep"));
}

TEST_F(StillSpendingTest, TellsAHundredAgentsWithinTheLengthOfAMessage) {
  std::vector<SpentAfterStop> all;
  all.reserve(100);
  for (int i = 0; i < 100; ++i) all.push_back(Spent(std::string(63, 'a'), i % 2));
  const auto message = StillSpendingMessage(all);
  EXPECT_THAT(message, HasSubstr("and 95 more agents"));
  EXPECT_LT(message.size(), 4096U);
}

}  // namespace
}  // namespace purser::controllers
