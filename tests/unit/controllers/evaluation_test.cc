#include "controllers/agent_budget/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

using policy::Level;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const api::AgentPool kA = PoolBuilder("a").Agent("one").Build();
const api::AgentPool kB = PoolBuilder("b").Agent("two").Build();

TEST(EvaluationTest, KnowsAPoolAsItIsNow) {
  auto pool = PoolBuilder("a").Agent("one").Build();
  pool.meta.generation = 3;
  const auto evaluation = EvaluationBuilder("x", Level::kNormal).Over(pool, {"one"}).Build();
  EXPECT_TRUE(evaluation->Knows(pool));
  EXPECT_FALSE(evaluation->Knows(kB));
  pool.meta.generation = 4;
  EXPECT_FALSE(evaluation->Knows(pool)) << "edited since";
  EXPECT_FALSE(
      evaluation->SameDemand(*EvaluationBuilder("x", Level::kNormal).Over(pool, {"one"}).Build()))
      << "or the pool would not be asked again";
  pool.meta.generation = 2;
  EXPECT_TRUE(evaluation->Knows(pool)) << "the cache is behind";
}

TEST(EvaluationBoardTest, OnlyPoolsWhoseDemandChangedAreReturned) {
  EvaluationBoard board;
  EXPECT_THAT(
      board.Publish(
          EvaluationBuilder("x", Level::kNormal).Over(kA, {"one"}).Over(kB, {"two"}).Build()),
      UnorderedElementsAre(kA.meta.key(), kB.meta.key()));
  EXPECT_THAT(
      board.Publish(
          EvaluationBuilder("x", Level::kNormal).Over(kA, {"one"}).Over(kB, {"two"}).Build()),
      IsEmpty());
  EXPECT_THAT(board.Publish(EvaluationBuilder("x", Level::kThrottled)
                                .Over(kA, {"one"}, {5, {5}})
                                .Over(kB, {"two"}, {9, {9}})
                                .Build()),
              UnorderedElementsAre(kA.meta.key(), kB.meta.key()));
  EXPECT_THAT(board.Publish(EvaluationBuilder("x", Level::kThrottled)
                                .Over(kA, {"one"}, {4, {4}})
                                .Over(kB, {"two"}, {9, {9}})
                                .Build()),
              ElementsAre(kA.meta.key()));
}

TEST(EvaluationBoardTest, APoolThatLeavesTheScopeIsTold) {
  EvaluationBoard board;
  board.Publish(
      EvaluationBuilder("x", Level::kStopped).Over(kA, {"one"}).Over(kB, {"two"}).Build());
  EXPECT_THAT(board.Publish(EvaluationBuilder("x", Level::kStopped).Over(kA, {"one"}).Build()),
              ElementsAre(kB.meta.key()));
  EXPECT_THAT(board.Covering(kB.meta.key()), IsEmpty());
}

TEST(EvaluationBoardTest, RemovingABudgetTellsItsPools) {
  EvaluationBoard board;
  board.Publish(EvaluationBuilder("x", Level::kStopped).Over(kA, {"one"}).Build());
  board.Publish(EvaluationBuilder("y", Level::kNormal).Over(kA, {"one"}).Build());
  EXPECT_THAT(board.Remove({"agents", "x"}), ElementsAre(kA.meta.key()));
  EXPECT_EQ(board.Get({"agents", "x"}), nullptr);
  ASSERT_EQ(board.Covering(kA.meta.key()).size(), 1u);
  EXPECT_EQ(board.Covering(kA.meta.key())[0]->budget.name, "y");
  EXPECT_THAT(board.Remove({"agents", "x"}), IsEmpty());
}

TEST(EvaluationBoardTest, OnlyThePoolOfTheRowThatChangedIsTold) {
  EvaluationBoard board;
  const auto publish = [&](Level first, Level second) {
    return board.Publish(EvaluationBuilder("x", first)
                             .Over(kA, {"one"})
                             .Row("one", second)
                             .Over(kB, {"two"})
                             .Row("two", Level::kNormal)
                             .Build());
  };
  EXPECT_THAT(publish(Level::kNormal, Level::kNormal),
              UnorderedElementsAre(kA.meta.key(), kB.meta.key()));
  EXPECT_THAT(publish(Level::kNormal, Level::kStopped), ElementsAre(kB.meta.key()));
  EXPECT_THAT(publish(Level::kNormal, Level::kStopped), IsEmpty());
  EXPECT_EQ(board.Get({"agents", "x"})->Worst()->subject->name, "two");
  EXPECT_EQ(board.Get({"agents", "x"})->RowOf("one")->decision.level, Level::kNormal);
}

TEST(EvaluationBoardTest, HoldingIsADemandOfItsOwn) {
  EvaluationBoard board;
  board.Publish(EvaluationBuilder("x", Level::kNormal).Over(kA, {"one"}).Build());
  EXPECT_THAT(
      board.Publish(EvaluationBuilder("x", Level::kNormal).Over(kA, {"one"}).Holding().Build()),
      ElementsAre(kA.meta.key()));
}

}  // namespace
}  // namespace purser::controllers
