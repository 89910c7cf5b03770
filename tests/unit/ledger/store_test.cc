// What every store must do, run against each of them.
#include "ledger/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "every_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Timestamp kNoon{1'800'014'400s};

Amounts Nanos(std::int64_t nanos) { return CostOf(Money::FromNanos(nanos)); }

Increment Spend(const std::string& agent, Timestamp at, std::int64_t nanos,
                const std::string& model = "m", const std::string& ns = "agents") {
  return {{"default", ns, agent, model, "task", "flow"}, at, Nanos(nanos)};
}

Batch BatchOf(std::vector<Increment> increments) {
  return {"default", std::move(increments), {}, {}, {}, {}, {}, {}};
}

Coverage Whole(Timestamp start, Timestamp end) {
  return {"default", "agents", true, {}, start, end};
}

class StoreTest : public EveryStoreTest {};

TEST_P(StoreTest, SumsPerAgentOverAWindow) {
  ASSERT_TRUE(
      support::CommitOne(
          *store_, BatchOf({Spend("b", kNoon, 1), Spend("a", kNoon, 10, "m1"),
                            Spend("a", kNoon + 1min, 100, "m2"), Spend("c", kNoon + 2min, 1000),
                            Spend("a", kNoon, 5, "m", "elsewhere")}))
          .ok());
  EXPECT_THAT(*support::SumOne(*store_, Whole(kNoon, kNoon + 2min)),
              ElementsAre(AgentSpend{"a", Nanos(110)}, AgentSpend{"b", Nanos(1)}));
  EXPECT_THAT(
      *support::SumOne(*store_, {"default", "agents", false, {"a", "c", "x"}, kNoon, kNoon + 1h}),
      ElementsAre(AgentSpend{"a", Nanos(110)}, AgentSpend{"c", Nanos(1000)}));
  EXPECT_THAT(*support::SumOne(*store_, {"other", "agents", true, {}, kNoon, kNoon + 1h}),
              IsEmpty());
  EXPECT_THAT(*support::SumOne(*store_, Whole(kNoon + 1h, kNoon)), IsEmpty());  // turned round
  // Rounded outwards to whole minutes.
  EXPECT_EQ(Sum(Whole(kNoon + 30s, kNoon + 1min + 1ms)), Nanos(111));
}

TEST_P(StoreTest, LateSpendGoesWhereItBelongs) {
  ASSERT_TRUE(
      support::CommitOne(*store_, BatchOf({Spend("a", kNoon, 1), Spend("a", kNoon + 2min, 2),
                                           Spend("a", kNoon + 4min, 4)}))
          .ok());
  ASSERT_TRUE(support::CommitOne(
                  *store_, BatchOf({Spend("a", kNoon + 2min, 20), Spend("a", kNoon + 1min, 10),
                                    Spend("a", kNoon - 1min, 5)}))
                  .ok());
  EXPECT_THAT(*support::MinutesOne(*store_, Whole(kNoon - 1h, Timestamp::max())),
              ElementsAre(MinuteSpend{MinuteOf(kNoon) - 1, Nanos(5)},
                          MinuteSpend{MinuteOf(kNoon), Nanos(1)},
                          MinuteSpend{MinuteOf(kNoon) + 1, Nanos(10)},
                          MinuteSpend{MinuteOf(kNoon) + 2, Nanos(22)},
                          MinuteSpend{MinuteOf(kNoon) + 4, Nanos(4)}));
  EXPECT_THAT(*support::MinutesOne(*store_, Whole(kNoon + 2min, kNoon + 3min)),
              ElementsAre(MinuteSpend{MinuteOf(kNoon) + 2, Nanos(22)}));
}

TEST_P(StoreTest, OnlyTheLastToTakeOverWrites) {
  ASSERT_TRUE(support::CommitOne(*store_, BatchOf({Spend("a", kNoon, 1)})).ok());
  const auto second = database_->Open();
  const auto untaken = support::CommitOne(*second, BatchOf({Spend("a", kNoon, 100)}));
  ASSERT_FALSE(untaken.ok());
  EXPECT_EQ(untaken.error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(support::CommitOne(*store_, BatchOf({Spend("a", kNoon, 2)})).ok());
  const auto epoch = second->TakeOver();
  ASSERT_TRUE(epoch.ok());
  Batch batch = BatchOf({Spend("a", kNoon, 4), Spend("new", kNoon, 4)});
  batch.source = "default";
  batch.complete_until = kNoon;
  batch.cursors.push_back({{1, 2}, kNoon, "3"});
  EXPECT_EQ(support::CommitOne(*store_, batch).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(store_->SetEpoch("default", kNoon).error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(support::CommitOne(*second, BatchOf({Spend("a", kNoon, 8)})).ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1min)), Nanos(11));
  EXPECT_FALSE(support::FindCursorOne(*second, "default", {1, 2}).has_value());
  const auto again = store_->TakeOver();
  EXPECT_GT(*again, *epoch);
  EXPECT_EQ(support::CommitOne(*second, BatchOf({Spend("a", kNoon, 16)})).error().code(),
            ErrorCode::kFenced);
  EXPECT_TRUE(support::CommitOne(*store_, batch).ok());
}

TEST_P(StoreTest, ARefusedBatchLeavesNothing) {
  auto batch = BatchOf({Spend("a", kNoon, 1), Spend("a", kNoon, 0)});
  EXPECT_EQ(support::CommitOne(*store_, batch).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1min)), Amounts());
}

TEST_P(StoreTest, CursorsComeBackAsTheyWere) {
  const SeriesCursor cursor{
      {0xffff'ffff'0000'0001, 0x8000'0000'0000'0000}, kNoon, std::string("a\0\xff b", 5)};
  const SeriesCursor plain{{1, 2}, kNoon - 1h, ""};
  Batch batch = BatchOf({});
  batch.cursors = {cursor, plain};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  auto moved = plain;
  moved.last_time += 15s;
  moved.state = std::string(kLongestCursor, 'x');
  batch.cursors = {moved};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  store_ = database_->Open();
  EXPECT_THAT(*store_->FindCursors("default", {{2, 1}, moved.series, cursor.series}),
              UnorderedElementsAre(cursor, moved));
  EXPECT_THAT(*store_->FindCursors("other", {{1, 2}}), IsEmpty());
  EXPECT_THAT(*store_->CursorsSince("default", kNoon), ElementsAre(cursor));
  EXPECT_THAT(*store_->CursorsSince("default", moved.last_time),
              UnorderedElementsAre(cursor, moved));
  EXPECT_THAT(*store_->CursorsSince("other", Timestamp()), IsEmpty());
  moved.state += "x";
  batch.cursors = {moved};
  EXPECT_EQ(support::CommitOne(*store_, batch).error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(StoreTest, PositionsNeverMoveBack) {
  EXPECT_FALSE(store_->Position("default")->has_value());
  ASSERT_TRUE(support::CommitOne(*store_, BatchOf({Spend("a", kNoon, 1)})).ok());
  EXPECT_FALSE(store_->Position("default")->has_value());
  ASSERT_TRUE(store_->SetEpoch("default", kNoon - 24h).ok());
  EXPECT_EQ(*store_->Position("default"), (SourcePosition{kNoon - 24h, {}, {}}));
  Batch batch = BatchOf({});
  batch.complete_until = kNoon;
  batch.newest_sample = kNoon - 3s;
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  batch.complete_until = kNoon - 1h;
  batch.newest_sample = kNoon - 1h;
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  store_ = database_->Open();
  EXPECT_EQ(*store_->Position("default"), (SourcePosition{kNoon - 24h, kNoon, kNoon - 3s}));
  EXPECT_EQ(store_->SetEpoch(std::string(257, 's'), kNoon).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_P(StoreTest, SourcesAreApart) {
  ASSERT_TRUE(store_->SetEpoch("other", kNoon).ok());
  auto increment = Spend("a", kNoon, 5);
  increment.key.source = "other";
  ASSERT_TRUE(support::CommitOne(*store_, {"other", {increment}, {}, {}, {}, {}, {}, {}}).ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1h)), Amounts());
  EXPECT_EQ(Sum({"other", "agents", true, {}, kNoon, kNoon + 1h}), Nanos(5));
}

TEST_P(StoreTest, AmountsSaturate) {
  ASSERT_TRUE(support::CommitOne(
                  *store_, BatchOf({Spend("a", kNoon, INT64_MAX), Spend("a", kNoon, 5),
                                    Spend("a", kNoon + 5min, 5), Spend("a", kNoon + 1min, 7)}))
                  .ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1h)), Nanos(INT64_MAX));
}

TEST_P(StoreTest, EveryAmountIsKeptApart) {
  const Amounts first{Money::FromNanos(1), 2, 3, 4, 5, 6, 7, 8};
  const Amounts second{Money::FromNanos(10), 20, 30, 40, 50, 60, 70, 80};
  auto batch = BatchOf({Spend("a", kNoon, 1), Spend("a", kNoon - 5min, 1)});
  batch.increments[0].amounts = first;
  batch.increments[1].amounts = second;  // late: raises what came after it
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  EXPECT_EQ(Sum(Whole(kNoon - 1h, kNoon + 1h)), first + second);
  EXPECT_THAT(
      *support::MinutesOne(*store_, Whole(kNoon - 1h, kNoon + 1h)),
      ElementsAre(MinuteSpend{MinuteOf(kNoon) - 5, second}, MinuteSpend{MinuteOf(kNoon), first}));
}

TEST_P(StoreTest, WhatIsTakenBackNeedsAReason) {
  ASSERT_TRUE(support::CommitOne(*store_, BatchOf({Spend("a", kNoon, 10)})).ok());
  auto batch = BatchOf({Spend("a", kNoon, -7), Spend("b", kNoon, -1)});
  EXPECT_EQ(support::CommitOne(*store_, batch).error().code(), ErrorCode::kInvalidArgument);
  JournalEntry why;
  why.kind = JournalKind::kReversal;
  why.at = kNoon;
  why.key = batch.increments[0].key;
  batch.journal = {why};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  EXPECT_THAT(*support::SumOne(*store_, Whole(kNoon, kNoon + 1min)),
              ElementsAre(AgentSpend{"a", Nanos(3)}, AgentSpend{"b", Nanos(-1)}));
  batch.increments = {Spend("a", kNoon, -3)};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  // Nothing is left of it: it is left out.
  EXPECT_THAT(*support::SumOne(*store_, Whole(kNoon, kNoon + 1min)),
              ElementsAre(AgentSpend{"b", Nanos(-1)}));
}

TEST_P(StoreTest, BatchesOfSeveralSourcesAreOneTransaction) {
  auto other = Spend("a", kNoon, 5);
  other.key.source = "other";
  std::vector<Batch> batches = {BatchOf({Spend("a", kNoon, 1)}), BatchOf({other}),
                                BatchOf({Spend("b", kNoon, 2)})};
  batches[1].source = "other";
  auto broken = batches;
  broken[2].increments[0].amounts = Amounts();
  EXPECT_EQ(store_->Commit(broken).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1h)), Amounts());
  ASSERT_TRUE(store_->Commit(batches).ok());
  const auto sums = store_->Sums(
      {Whole(kNoon, kNoon + 1h), {"other", "agents", false, {"a"}, kNoon, kNoon + 1h}});
  EXPECT_THAT(*sums, ElementsAre(ElementsAre(AgentSpend{"a", Nanos(1)}, AgentSpend{"b", Nanos(2)}),
                                 ElementsAre(AgentSpend{"a", Nanos(5)})));
}

TEST_P(StoreTest, RatesAndForgottenCursors) {
  const SpendKey key{"default", "agents", "a", "m", "", ""};
  Batch batch = BatchOf({});
  batch.rates = {{key, 100, kNoon}};
  batch.cursors = {{{1, 1}, kNoon, "old"}, {{2, 2}, kNoon + 1h, "new"}};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  batch.rates = {{key, 250, kNoon + 1h}};
  batch.cursors.clear();
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  store_ = database_->Open();
  EXPECT_THAT(*store_->Rates("default"), ElementsAre(KeyRate{key, 250, kNoon + 1h}));
  EXPECT_THAT(*store_->Rates("other"), IsEmpty());
  EXPECT_EQ(store_->ForgetCursors("default", kNoon + 1h).error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(store_->TakeOver().ok());
  ASSERT_TRUE(store_->ForgetCursors("default", kNoon + 1h).ok());
  ASSERT_TRUE(store_->ForgetCursors("unknown", kNoon + 1h).ok());
  EXPECT_THAT(*store_->CursorsSince("default", Timestamp()),
              ElementsAre(SeriesCursor{{2, 2}, kNoon + 1h, "new"}));
  // One that comes back begins again.
  batch.cursors = {{{1, 1}, kNoon + 2h, "again"}};
  ASSERT_TRUE(support::CommitOne(*store_, batch).ok());
  EXPECT_EQ(support::FindCursorOne(*store_, "default", {1, 1})->state, "again");
}

TEST_P(StoreTest, NamesMayHoldAnyBytes) {
  const std::string odd("\"; DROP TABLE bucket; --\0\xc3\xa9", 28);
  ASSERT_TRUE(
      support::CommitOne(*store_, BatchOf({Spend(odd, kNoon, 1), Spend("", kNoon, 2)})).ok());
  EXPECT_THAT(*support::SumOne(*store_, {"default", "agents", false, {odd}, kNoon, kNoon + 1min}),
              ElementsAre(AgentSpend{odd, Nanos(1)}));
  EXPECT_THAT(*support::SumOne(*store_, {"default", "agents", false, {""}, kNoon, kNoon + 1min}),
              ElementsAre(AgentSpend{"", Nanos(2)}));
}

INSTANTIATE_TEST_SUITE_P(Every, StoreTest, ::testing::ValuesIn(EveryStore()), NameOfKind);

}  // namespace
}  // namespace purser::ledger
