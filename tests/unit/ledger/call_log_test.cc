// The call log, the ids of the last day and reports, in a real file.
#include "ledger/call_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "ledger/sqlite/sqlite_store.h"

namespace purser::ledger {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::SizeIs;

const Timestamp kNow(hours(500'000));

class CallLogTest : public testing::Test {
 protected:
  CallLogTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("call-log-" + std::to_string(getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Open();
  }
  ~CallLogTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    store_.reset();
    auto store = OpenSqliteStore(folder_ / "ledger.db");
    ASSERT_TRUE(store.ok()) << store.error().message();
    store_ = std::move(*store);
    ASSERT_TRUE(store_->TakeOver().ok());
  }
  CallLog& log() { return CallLogOf(*store_); }

  static Call CallOf(const std::string& id, const std::string& agent, const std::string& task,
                     Timestamp at) {
    Call call;
    call.key = {"default", "agents", agent, "gpt-5", task, ""};
    call.at = at;
    call.id = id;
    call.amounts = {.cost = Money::FromNanos(1'000), .calls = 1, .input_tokens = 7};
    return call;
  }
  void Book(std::vector<Call> calls, std::vector<CallId> ids, Timestamp received = kNow) {
    std::vector<Batch> batches(1);
    batches[0].source = "default";
    for (const auto& call : calls)
      batches[0].increments.push_back({call.key, call.at, call.amounts});
    const void* token = BatchToken(batches[0]);
    log().Put(token, {std::move(calls), std::move(ids), received});
    const auto committed = store_->Commit(batches);
    log().Drop(token);
    ASSERT_TRUE(committed.ok()) << committed.error().message();
  }
  std::vector<CallId> Ids(Timestamp since, const std::string& source = "default") {
    std::vector<CallId> ids;
    EXPECT_TRUE(
        log().ForEachId(source, since, [&](CallId id, Timestamp) { ids.push_back(id); }).ok());
    return ids;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(CallLogTest, CallsAreThereWithTheirIdsAfterARestart) {
  Book({CallOf("a", "r", "t1", kNow), CallOf("b", "w", "t2", kNow - minutes(5))},
       {1, ~std::uint64_t{0}});
  const auto seed = log().IdSeed();
  Open();
  EXPECT_EQ(*log().IdSeed(), *seed);
  EXPECT_THAT(Ids(kNow - hours(1)), ElementsAre(1, ~std::uint64_t{0}));
  EXPECT_THAT(Ids(kNow + minutes(1)), SizeIs(0));
  EXPECT_THAT(Ids(kNow - hours(1), "another"), SizeIs(0));
  auto all = log().Calls({.source = "default", .ns = "agents"});
  ASSERT_TRUE(all.ok());
  EXPECT_THAT(*all,
              ElementsAre(CallOf("a", "r", "t1", kNow), CallOf("b", "w", "t2", kNow - minutes(5))));
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents", .agent = "w"}), SizeIs(1));
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents", .task = "t1"}), SizeIs(1));
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents", .since = kNow}), SizeIs(1));
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "others"}), SizeIs(0));
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents", .most = 1}), SizeIs(1));
}

TEST_F(CallLogTest, TheOldestGo) {
  for (int i = 0; i < 10; ++i)
    Book({CallOf(std::to_string(i), "r", "", kNow)}, {static_cast<CallId>(i + 1)}, kNow + hours(i));
  ASSERT_TRUE(log().Prune(kNow + hours(3), 1000, kNow + hours(2)).ok());
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents"}), SizeIs(7));
  EXPECT_THAT(Ids(kNow - hours(1)), SizeIs(8));
  ASSERT_TRUE(log().Prune(kNow, 4, kNow).ok());
  EXPECT_THAT(*log().Calls({.source = "default", .ns = "agents"}), SizeIs(4));
}

TEST_F(CallLogTest, ReportsComeOfTheTotals) {
  auto failed = CallOf("c", "r", "t2", kNow);
  failed.amounts.failed_calls = 1;
  Book({CallOf("a", "r", "t1", kNow - hours(1)), CallOf("b", "r", "t1", kNow), failed,
        CallOf("d", "w", "", kNow)},
       {});
  ReportQuery query;
  query.namespaces = {"agents"};
  query.start = kNow - hours(2);
  query.end = kNow + hours(1);
  query.by.agent = true;
  auto rows = ReportsOf(*store_).Report(query);
  ASSERT_TRUE(rows.ok());
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ((*rows)[0].spent.calls, 3);
  EXPECT_EQ((*rows)[0].tasks, 2);
  EXPECT_EQ((*rows)[0].tasks_without_failure, 1);
  query.by = {.minutes = 60};
  rows = ReportsOf(*store_).Report(query);
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ((*rows)[0].period, kNow - hours(1));
  EXPECT_EQ((*rows)[1].spent.calls, 3);
  query.tasks = {"t2"};
  EXPECT_EQ((*ReportsOf(*store_).Report(query))[0].spent.failed_calls, 1);
  query.tasks.clear();
  query.most_rows = 1;
  EXPECT_EQ(ReportsOf(*store_).Report(query).error().code(), ErrorCode::kResourceExhausted);
  query.namespaces = {"others"};
  EXPECT_THAT(*ReportsOf(*store_).Report(query), SizeIs(0));
}

}  // namespace
}  // namespace purser::ledger
