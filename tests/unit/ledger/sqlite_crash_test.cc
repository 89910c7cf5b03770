// Processes killed while they commit: what was acknowledged is there, and never half a batch.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "ledger/sqlite/sqlite_store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'800'000'000s};
constexpr int kKeys = 5;

// Batch i: one nano-dollar to each key, and a cursor that says i.
Batch Numbered(std::int64_t i) {
  Batch batch;
  batch.source = "default";
  for (int key = 0; key < kKeys; ++key)
    batch.increments.push_back(
        {{"default", "agents", std::string(1, static_cast<char>('a' + key)), "", "", ""},
         kStart + i * 1s,
         CostOf(Money::FromNanos(1))});
  batch.cursors.push_back({{1, 1}, kStart, std::to_string(i)});
  return batch;
}

std::int64_t LastBatch(Store& store) {
  const auto cursor = support::FindCursorOne(store, "default", {1, 1});
  return cursor ? std::stoll(cursor->state) : 0;
}

std::unique_ptr<Store> Open(const std::string& path) {
  auto store = OpenSqliteStore(path);
  EXPECT_TRUE(store.ok()) << store.error().message();
  EXPECT_TRUE((*store)->TakeOver().ok());
  return std::move(*store);
}

// Commits from where the file stands, telling each acknowledged number. Never returns.
[[noreturn]] void CommitForever(const std::string& path, int acknowledged) {
  auto store = OpenSqliteStore(path);
  if (!store.ok() || !(*store)->TakeOver().ok()) _exit(1);
  for (std::int64_t i = LastBatch(**store) + 1;; ++i) {
    if (!support::CommitOne(**store, Numbered(i)).ok()) _exit(2);
    if (write(acknowledged, &i, sizeof i) != sizeof i) _exit(3);
  }
}

// Forks, kills after `delay`, returns the last number acknowledged (0: none).
std::int64_t KillWhileCommitting(const std::string& path, Duration delay) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    CommitForever(path, ends[1]);
  }
  close(ends[1]);
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  std::int64_t last = 0;
  std::int64_t number = 0;
  while (read(ends[0], &number, sizeof number) == sizeof number) last = number;
  close(ends[0]);
  return last;
}

TEST(SqliteCrash, KilledAtRandomMomentsLosesNothingAcknowledged) {
  const TemporaryFolder folder;
  std::mt19937 random(20261123);
  std::uniform_int_distribution<int> delay(3, 60);
  std::int64_t known = 0;
  for (int round = 0; round < 40; ++round) {
    known = std::max(known, KillWhileCommitting(folder.File(), Duration(delay(random))));
    const auto store = Open(folder.File());
    const std::int64_t last = LastBatch(*store);
    ASSERT_GE(last, known);
    ASSERT_LE(last, known + 1);
    const auto sums =
        support::SumOne(*store, {"default", "agents", true, {}, kStart, kStart + 24h * 365});
    ASSERT_TRUE(sums.ok());
    for (const auto& sum : *sums) ASSERT_EQ(sum.spent.cost.nanos(), last) << "round " << round;
    ASSERT_EQ(sums->size(), last == 0 ? 0u : static_cast<std::size_t>(kKeys));
    known = last;
  }
  EXPECT_GT(known, 40);
}

}  // namespace
}  // namespace purser::ledger
