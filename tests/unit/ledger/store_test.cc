// What every store must do, run against each of them.
#include "ledger/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Timestamp kNoon{1'800'014'400s};

Increment Spend(const std::string& agent, Timestamp at, std::int64_t nanos,
                const std::string& model = "m", const std::string& ns = "agents") {
  return {{"default", ns, agent, model, "task", "flow"}, at, Money::FromNanos(nanos)};
}

Batch BatchOf(std::vector<Increment> increments) {
  return {"default", std::move(increments), {}, {}, {}};
}

Coverage Whole(Timestamp start, Timestamp end) {
  return {"default", "agents", true, {}, start, end};
}

// One place where stores are opened, several times: a restart, or a second leader.
class Database {
 public:
  virtual ~Database() = default;
  virtual std::unique_ptr<Store> Open() = 0;
};

class InMemory final : public Database {
 public:
  std::unique_ptr<Store> Open() override {
    return std::make_unique<support::MemoryStore>(database_);
  }

 private:
  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
};

class InFile final : public Database {
 public:
  std::unique_ptr<Store> Open() override {
    auto store = OpenSqliteStore(folder_.File());
    EXPECT_TRUE(store.ok()) << store.error().message();
    return std::move(*store);
  }

 private:
  TemporaryFolder folder_;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Database>()> make;
};

class StoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  StoreTest() : database_(GetParam().make()), store_(database_->Open()) {
    EXPECT_TRUE(store_->TakeOver().ok());
  }

  Money Sum(const Coverage& coverage) {
    const auto agents = store_->Sum(coverage);
    EXPECT_TRUE(agents.ok());
    Money sum;
    for (const auto& agent : *agents) sum += agent.spent;
    return sum;
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, SumsPerAgentOverAWindow) {
  ASSERT_TRUE(
      store_
          ->Commit(BatchOf({Spend("b", kNoon, 1), Spend("a", kNoon, 10, "m1"),
                            Spend("a", kNoon + 1min, 100, "m2"), Spend("c", kNoon + 2min, 1000),
                            Spend("a", kNoon, 5, "m", "elsewhere")}))
          .ok());
  EXPECT_THAT(
      *store_->Sum(Whole(kNoon, kNoon + 2min)),
      ElementsAre(AgentSpend{"a", Money::FromNanos(110)}, AgentSpend{"b", Money::FromNanos(1)}));
  EXPECT_THAT(
      *store_->Sum({"default", "agents", false, {"a", "c", "x"}, kNoon, kNoon + 1h}),
      ElementsAre(AgentSpend{"a", Money::FromNanos(110)}, AgentSpend{"c", Money::FromNanos(1000)}));
  EXPECT_THAT(*store_->Sum({"other", "agents", true, {}, kNoon, kNoon + 1h}), IsEmpty());
  EXPECT_THAT(*store_->Sum(Whole(kNoon + 1h, kNoon)), IsEmpty());  // turned round
  // Rounded outwards to whole minutes.
  EXPECT_EQ(Sum(Whole(kNoon + 30s, kNoon + 1min + 1ms)), Money::FromNanos(111));
}

TEST_P(StoreTest, LateSpendGoesWhereItBelongs) {
  ASSERT_TRUE(store_
                  ->Commit(BatchOf({Spend("a", kNoon, 1), Spend("a", kNoon + 2min, 2),
                                    Spend("a", kNoon + 4min, 4)}))
                  .ok());
  ASSERT_TRUE(store_
                  ->Commit(BatchOf({Spend("a", kNoon + 2min, 20), Spend("a", kNoon + 1min, 10),
                                    Spend("a", kNoon - 1min, 5)}))
                  .ok());
  EXPECT_THAT(*store_->Minutes(Whole(kNoon - 1h, Timestamp::max())),
              ElementsAre(MinuteSpend{MinuteOf(kNoon) - 1, Money::FromNanos(5)},
                          MinuteSpend{MinuteOf(kNoon), Money::FromNanos(1)},
                          MinuteSpend{MinuteOf(kNoon) + 1, Money::FromNanos(10)},
                          MinuteSpend{MinuteOf(kNoon) + 2, Money::FromNanos(22)},
                          MinuteSpend{MinuteOf(kNoon) + 4, Money::FromNanos(4)}));
  EXPECT_THAT(*store_->Minutes(Whole(kNoon + 2min, kNoon + 3min)),
              ElementsAre(MinuteSpend{MinuteOf(kNoon) + 2, Money::FromNanos(22)}));
}

TEST_P(StoreTest, OnlyTheLastToTakeOverWrites) {
  ASSERT_TRUE(store_->Commit(BatchOf({Spend("a", kNoon, 1)})).ok());
  const auto second = database_->Open();
  const auto untaken = second->Commit(BatchOf({Spend("a", kNoon, 100)}));
  ASSERT_FALSE(untaken.ok());
  EXPECT_EQ(untaken.error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(store_->Commit(BatchOf({Spend("a", kNoon, 2)})).ok());
  const auto epoch = second->TakeOver();
  ASSERT_TRUE(epoch.ok());
  Batch batch = BatchOf({Spend("a", kNoon, 4), Spend("new", kNoon, 4)});
  batch.source = "default";
  batch.complete_until = kNoon;
  batch.cursors.push_back({1, 2, kNoon, Money::FromNanos(3), 0, {}, false});
  EXPECT_EQ(store_->Commit(batch).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(store_->SetEpoch("default", kNoon).error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(second->Commit(BatchOf({Spend("a", kNoon, 8)})).ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1min)), Money::FromNanos(11));
  EXPECT_FALSE(second->FindCursor("default", 1, 2)->has_value());
  const auto again = store_->TakeOver();
  EXPECT_GT(*again, *epoch);
  EXPECT_EQ(second->Commit(BatchOf({Spend("a", kNoon, 16)})).error().code(), ErrorCode::kFenced);
  EXPECT_TRUE(store_->Commit(batch).ok());
}

TEST_P(StoreTest, ARefusedBatchLeavesNothing) {
  auto batch = BatchOf({Spend("a", kNoon, 1), Spend("a", kNoon, 0)});
  EXPECT_EQ(store_->Commit(batch).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1min)), Money());
}

TEST_P(StoreTest, CursorsComeBackAsTheyWere) {
  const SeriesCursor cursor{0xffff'ffff'0000'0001,
                            0x8000'0000'0000'0000,
                            kNoon,
                            Money::FromNanos(INT64_MAX),
                            3,
                            kNoon - 1min,
                            true};
  const SeriesCursor plain{1, 2, kNoon, Money(), 0, {}, false};
  Batch batch = BatchOf({});
  batch.cursors = {cursor, plain};
  ASSERT_TRUE(store_->Commit(batch).ok());
  auto moved = plain;
  moved.last_time += 15s;
  moved.last_value = Money::FromNanos(7);
  batch.cursors = {moved};
  ASSERT_TRUE(store_->Commit(batch).ok());
  store_ = database_->Open();
  EXPECT_EQ(*store_->FindCursor("default", cursor.series_high, cursor.series_low), cursor);
  EXPECT_EQ(*store_->FindCursor("default", 1, 2), moved);
  EXPECT_FALSE(store_->FindCursor("default", 2, 1)->has_value());
  EXPECT_FALSE(store_->FindCursor("other", 1, 2)->has_value());
}

TEST_P(StoreTest, PositionsNeverMoveBack) {
  EXPECT_FALSE(store_->Position("default")->has_value());
  ASSERT_TRUE(store_->Commit(BatchOf({Spend("a", kNoon, 1)})).ok());
  EXPECT_FALSE(store_->Position("default")->has_value());
  ASSERT_TRUE(store_->SetEpoch("default", kNoon - 24h).ok());
  EXPECT_EQ(*store_->Position("default"), (SourcePosition{kNoon - 24h, {}, {}}));
  Batch batch = BatchOf({});
  batch.complete_until = kNoon;
  batch.newest_sample = kNoon - 3s;
  ASSERT_TRUE(store_->Commit(batch).ok());
  batch.complete_until = kNoon - 1h;
  batch.newest_sample = kNoon - 1h;
  ASSERT_TRUE(store_->Commit(batch).ok());
  store_ = database_->Open();
  EXPECT_EQ(*store_->Position("default"), (SourcePosition{kNoon - 24h, kNoon, kNoon - 3s}));
  EXPECT_EQ(store_->SetEpoch(std::string(257, 's'), kNoon).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_P(StoreTest, SourcesAreApart) {
  ASSERT_TRUE(store_->SetEpoch("other", kNoon).ok());
  auto increment = Spend("a", kNoon, 5);
  increment.key.source = "other";
  ASSERT_TRUE(store_->Commit({"other", {increment}, {}, {}, {}}).ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1h)), Money());
  EXPECT_EQ(Sum({"other", "agents", true, {}, kNoon, kNoon + 1h}), Money::FromNanos(5));
}

TEST_P(StoreTest, AmountsSaturate) {
  ASSERT_TRUE(store_
                  ->Commit(BatchOf({Spend("a", kNoon, INT64_MAX), Spend("a", kNoon, 5),
                                    Spend("a", kNoon + 5min, 5), Spend("a", kNoon + 1min, 7)}))
                  .ok());
  EXPECT_EQ(Sum(Whole(kNoon, kNoon + 1h)), Money::FromNanos(INT64_MAX));
}

TEST_P(StoreTest, NamesMayHoldAnyBytes) {
  const std::string odd("\"; DROP TABLE bucket; --\0\xc3\xa9", 28);
  ASSERT_TRUE(store_->Commit(BatchOf({Spend(odd, kNoon, 1), Spend("", kNoon, 2)})).ok());
  EXPECT_THAT(*store_->Sum({"default", "agents", false, {odd}, kNoon, kNoon + 1min}),
              ElementsAre(AgentSpend{odd, Money::FromNanos(1)}));
  EXPECT_THAT(*store_->Sum({"default", "agents", false, {""}, kNoon, kNoon + 1min}),
              ElementsAre(AgentSpend{"", Money::FromNanos(2)}));
}

INSTANTIATE_TEST_SUITE_P(
    Every, StoreTest,
    ::testing::Values(Kind{"Memory", [] { return std::make_unique<InMemory>(); }},
                      Kind{"Sqlite", [] { return std::make_unique<InFile>(); }}),
    [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace purser::ledger
