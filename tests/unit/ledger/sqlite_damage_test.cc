// Files that cannot be used: each gives an error that says what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Timestamp kStart{1'800'000'000s};

Increment Spend(const std::string& agent, Timestamp at) {
  return {{"default", "agents", agent, "", "", ""}, at, CostOf(Money::FromNanos(1))};
}

void Fill(const std::string& path, int agents) {
  auto store = OpenSqliteStore(path);
  ASSERT_TRUE(store.ok()) << store.error().message();
  ASSERT_TRUE((*store)->TakeOver().ok());
  Batch batch;
  batch.source = "default";
  for (int i = 0; i < agents; ++i)
    batch.increments.push_back(Spend("agent-" + std::to_string(i), kStart));
  ASSERT_TRUE(support::CommitOne(**store, batch).ok());
}

void Execute(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

void ExpectRefused(const std::string& path, ErrorCode code, const std::string& text) {
  const auto store = OpenSqliteStore(path);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code(), code) << store.error().message();
  EXPECT_THAT(store.error().message(), HasSubstr(text));
  EXPECT_THAT(store.error().message(), HasSubstr(path));
}

TEST(SqliteDamage, MissingFolder) {
  ExpectRefused("/nonexistent/ledger.db", ErrorCode::kUnavailable, "create its folder");
}

TEST(SqliteDamage, NotADatabase) {
  const TemporaryFolder folder;
  std::ofstream(folder.File()) << std::string(8192, 'x');
  ExpectRefused(folder.File(), ErrorCode::kCorrupt, "move it away");
}

TEST(SqliteDamage, SomebodyElsesDatabase) {
  const TemporaryFolder folder;
  Execute(folder.File(), "CREATE TABLE recipes(name TEXT)");
  ExpectRefused(folder.File(), ErrorCode::kCorrupt, "not a ledger of Purser");
}

TEST(SqliteDamage, NewerSchema) {
  const TemporaryFolder folder;
  Fill(folder.File(), 1);
  Execute(folder.File(), "UPDATE meta SET schema_version=999");
  ExpectRefused(folder.File(), ErrorCode::kInvalidArgument, "newer Purser (schema 999");
}

TEST(SqliteDamage, MissingRow) {
  const TemporaryFolder folder;
  Fill(folder.File(), 1);
  Execute(folder.File(), "DELETE FROM meta");
  ExpectRefused(folder.File(), ErrorCode::kCorrupt, "a row is missing");
}

TEST(SqliteDamage, OverwrittenPages) {
  const TemporaryFolder folder;
  Fill(folder.File(), 2000);
  {
    std::fstream file(folder.File(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * 4096 + 40);
    file << std::string(20 * 4096, '\x5a');
  }
  ExpectRefused(folder.File(), ErrorCode::kCorrupt, "move it away");
}

TEST(SqliteDamage, LockedByAnotherProcess) {
  const TemporaryFolder folder;
  Fill(folder.File(), 1);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(folder.File().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  ExpectRefused(folder.File(), ErrorCode::kUnavailable, "another process holds the file");
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_TRUE(OpenSqliteStore(folder.File()).ok());
}

// Runs `body` in a child, which may give up rights; true when it returned true.
bool InChild(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(SqliteDamage, ReadOnlyFile) {
  const TemporaryFolder folder;
  Fill(folder.File(), 1);
  ASSERT_EQ(chmod(folder.File().c_str(), 0444), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0555), 0);
  EXPECT_TRUE(InChild([&] {
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return false;
    const auto store = OpenSqliteStore(folder.File());
    if (store.ok()) return false;
    fprintf(stderr, "%s\n", store.error().message().c_str());
    return store.error().code() == ErrorCode::kUnavailable &&
           store.error().message().find("mount the volume writable") != std::string::npos;
  }));
  chmod(folder.path().c_str(), 0755);
}

// The volume is full half way: the batch fails whole, what was there stays, and it goes on with
// space.
TEST(SqliteDamage, FullVolume) {
  const TemporaryFolder folder;
  Fill(folder.File(), 10);
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    auto store = OpenSqliteStore(folder.File());
    if (!store.ok() || !(*store)->TakeOver().ok()) return false;
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const auto before = limit;
    limit.rlim_cur = 300'000;
    setrlimit(RLIMIT_FSIZE, &limit);
    Batch large;
    large.source = "default";
    for (int i = 0; i < 20'000; ++i)
      large.increments.push_back(Spend("large-" + std::to_string(i), kStart));
    const auto failed = support::CommitOne(**store, large);
    if (failed.ok() || failed.error().code() != ErrorCode::kUnavailable) return false;
    fprintf(stderr, "%s\n", failed.error().message().c_str());
    const Coverage all{"default", "agents", true, {}, kStart, kStart + 1h};
    if (support::SumOne(**store, all)->size() != 10) return false;
    setrlimit(RLIMIT_FSIZE, &before);
    return support::CommitOne(**store, large).ok() &&
           support::SumOne(**store, all)->size() == 20'010;
  }));
}

}  // namespace
}  // namespace purser::ledger
