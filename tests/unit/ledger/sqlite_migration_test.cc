// A file of the first schema opens and says the same. fixtures/v1.db was written by the store of
// commit e1c0bb1: minutes, quarters folded after two days, late spend, cursors, two sources; the
// sums below are what that store answered. fixtures/v2.sql is one of the second.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Timestamp kStart{1'800'000'000s};
constexpr Duration kLastStep = 7196min;

AgentSpend Spent(const std::string& agent, std::int64_t nanos) {
  return {agent, CostOf(Money::FromNanos(nanos))};
}

class SqliteMigration : public ::testing::Test {
 protected:
  SqliteMigration() {
    std::filesystem::copy_file(std::filesystem::path(PURSER_FIXTURES) / "v1.db", folder_.File());
  }
  std::unique_ptr<Store> Open() {
    auto store = OpenSqliteStore(folder_.File());
    EXPECT_TRUE(store.ok()) << store.error().message();
    return std::move(*store);
  }
  static std::vector<AgentSpend> Sum(Store& store, const std::string& source, const std::string& ns,
                                     Duration start, Duration end) {
    return *support::SumOne(store, {source, ns, true, {}, kStart + start, kStart + end});
  }
  void Execute(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.File().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  TemporaryFolder folder_;
};

TEST_F(SqliteMigration, KeepsEverySum) {
  // The second time it is a file of today.
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = Open();
    EXPECT_THAT(Sum(*store, "default", "agents", -24h, 30 * 24h),
                ElementsAre(Spent("", 13), Spent("researcher", 73'805'000'024),
                            Spent("writer", 37'149'000'260)));
    EXPECT_THAT(Sum(*store, "default", "agents", 0h, 24h),
                ElementsAre(Spent("researcher", 3'203'000'010), Spent("writer", 1'813'000'148)));
    EXPECT_THAT(Sum(*store, "default", "agents", 15min, 45min),
                ElementsAre(Spent("researcher", 117'000'003), Spent("writer", 106'000'038)));
    EXPECT_THAT(Sum(*store, "default", "agents", 98h, 118h + 13min),
                ElementsAre(Spent("researcher", 21'609'000'003), Spent("writer", 10'812'000'024)));
    EXPECT_THAT(Sum(*store, "default", "other", -24h, 30 * 24h), ElementsAre(Spent("writer", 90)));
    EXPECT_THAT(Sum(*store, "second", "agents", -24h, 30 * 24h), ElementsAre(Spent("writer", 17)));
    EXPECT_EQ(support::MinutesOne(*store,
                                  {"default", "agents", true, {}, kStart - 24h, kStart + 30 * 24h})
                  ->size(),
              29u);
  }
}

TEST_F(SqliteMigration, KeepsEveryCursorAndPosition) {
  const auto store = Open();
  const SeriesCursor rising{{1, 2}, kStart + kLastStep + 3s, "v1:8196"};
  const SeriesCursor highest{{0xffff'ffff'0000'0001, 0x8000'0000'0000'0000},
                             kStart + kLastStep - 12s,
                             "v1:" + std::to_string(INT64_MAX - 7196)};
  const SeriesCursor dead{{7, 7}, kStart, "v1:0"};
  EXPECT_THAT(*store->CursorsSince("default", Timestamp()),
              UnorderedElementsAre(rising, highest, dead));
  EXPECT_THAT(*store->FindCursors("second", {{9, 2}, {1, 2}}),
              ElementsAre(SeriesCursor{{9, 2}, kStart + 1h, "v1:17"}));
  EXPECT_EQ(*store->Position("default"),
            (SourcePosition{kStart - 24h, kStart + kLastStep + 3s, kStart + kLastStep}));
  EXPECT_FALSE(store->Position("second")->has_value());
}

TEST_F(SqliteMigration, GoesOnWhereTheFileStands) {
  auto store = Open();
  Batch batch;
  batch.source = "default";
  batch.increments = {{{"default", "agents", "writer", "large", "task", "flow"},
                       kStart + 10min,
                       {.cost = Money::FromNanos(1), .calls = 3}}};
  EXPECT_EQ(support::CommitOne(*store, batch).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(*store->TakeOver(), 2);
  batch.cursors = {{{1, 2}, kStart + 6 * 24h, "next"}};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  const Amounts expected{.cost = Money::FromNanos(1'813'000'149), .calls = 3};
  EXPECT_EQ(Sum(*store, "default", "agents", 0h, 24h)[1], (AgentSpend{"writer", expected}));
  EXPECT_EQ(support::FindCursorOne(*store, "default", {1, 2})->state, "next");
  EXPECT_THAT(*store->Journal({}), IsEmpty());
  EXPECT_THAT(*store->Rates("default"), IsEmpty());
  ASSERT_TRUE(store->Fold(kStart + 6 * 24h).ok());
  EXPECT_EQ(Sum(*store, "default", "agents", 0h, 24h)[1], (AgentSpend{"writer", expected}));
}

TEST_F(SqliteMigration, GivesTheLedgerANameOfItsOwn) {
  const auto id = *Open()->LedgerId();
  EXPECT_THAT(id, ::testing::MatchesRegex(
                      "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(*Open()->LedgerId(), id);
  const TemporaryFolder other;
  EXPECT_NE(*(*OpenSqliteStore(other.File()))->LedgerId(), id);
}

TEST_F(SqliteMigration, AJournalIsReadOnlyFromAFileThatHasOne) {
  const auto before = ReadSqliteJournal(folder_.File(), {});
  ASSERT_FALSE(before.ok());
  EXPECT_EQ(before.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(before.error().message(), HasSubstr("brings it up to date when it starts"));
  (void)Open();
  EXPECT_TRUE(ReadSqliteJournal(folder_.File(), {}).ok());
}

// What was booked before estimates were kept apart is not known to be one.
TEST(SqliteMigrationOfTheSecondSchema, KeepsWhatItHolds) {
  const TemporaryFolder folder;
  std::ostringstream sql;
  sql << std::ifstream(std::filesystem::path(PURSER_FIXTURES) / "v2.sql").rdbuf();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(folder.File().c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, sql.str().c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);

  const auto store = std::move(*OpenSqliteStore(folder.File()));
  const SpendKey key{"default", "agents", "researcher", "gpt-5", "", ""};
  Amounts expected{.cost = Money::FromNanos(4'500'000'000),
                   .calls = 9,
                   .failed_calls = 2,
                   .input_tokens = 3000,
                   .output_tokens = 600,
                   .cached_tokens = 1200,
                   .reasoning_tokens = 150,
                   .latency_ms = 27000};
  const auto sum = [&] {
    return support::SumOne(*store,
                           {"default", "agents", false, {"researcher"}, kStart, kStart + 2h});
  };
  EXPECT_THAT(*sum(), ElementsAre(AgentSpend{"researcher", expected}));
  const auto journal = *store->Journal({});
  ASSERT_EQ(journal.size(), 1u);
  EXPECT_EQ(journal[0].amount, CostOf(Money::FromNanos(12'000'000'000)));
  EXPECT_EQ(journal[0].held, HeldState::kHeld);
  EXPECT_EQ(journal[0].reason, "its start is not proved");

  ASSERT_TRUE(store->TakeOver().ok());
  const Amounts more{.cost = Money::FromNanos(15), .estimated = Money::FromNanos(10)};
  for (const auto at : {30min, 90min}) {  // late, and not
    Batch batch;
    batch.source = "default";
    batch.increments = {{key, kStart + at, more}};
    ASSERT_TRUE(support::CommitOne(*store, batch).ok());
    expected += more;
  }
  EXPECT_THAT(*sum(), ElementsAre(AgentSpend{"researcher", expected}));
}

// What fails half way leaves the old file as it was.
TEST_F(SqliteMigration, IsAllOrNothing) {
  Execute("CREATE TABLE journal(mine)");
  EXPECT_FALSE(OpenSqliteStore(folder_.File()).ok());
  Execute("DROP TABLE journal");
  EXPECT_THAT(Sum(*Open(), "default", "other", -24h, 30 * 24h), ElementsAre(Spent("writer", 90)));
}

}  // namespace
}  // namespace purser::ledger
