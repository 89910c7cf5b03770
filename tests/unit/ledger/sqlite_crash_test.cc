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

const SpendKey kSecond{"second", "agents", "a", "", "", ""};

// Transaction i, of two sources: a nano-dollar to each key, cursors and a rate that say i, an entry
// of the journal, and from the second transaction on a held one that settles the one before.
std::vector<Batch> Numbered(std::int64_t i) {
  std::vector<Batch> batches(2);
  batches[0].source = "default";
  for (int key = 0; key < kKeys; ++key)
    batches[0].increments.push_back(
        {{"default", "agents", std::string(1, static_cast<char>('a' + key)), "", "", ""},
         kStart + i * 1s,
         CostOf(Money::FromNanos(1))});
  batches[0].cursors.push_back({{1, 1}, kStart, std::to_string(i)});
  batches[0].complete_until = kStart + i * 1s;
  batches[1].source = "second";
  batches[1].increments.push_back({kSecond, kStart, {.cost = Money::FromNanos(1), .calls = 2}});
  batches[1].cursors.push_back({{2, 2}, kStart, std::to_string(i)});
  batches[1].rates.push_back({kSecond, i, kStart});
  JournalEntry entry;
  entry.key = kSecond;
  entry.reason = std::to_string(i);
  entry.at = kStart + (i - 1) * 1s;
  entry.held = HeldState::kSettled;
  batches[1].journal.push_back(entry);
  entry.at = kStart + i * 1s;
  entry.held = HeldState::kHeld;
  batches[1].journal.push_back(entry);
  return batches;
}

std::int64_t LastBatch(Store& store) {
  const auto cursor = support::FindCursorOne(store, "default", {1, 1});
  return cursor ? std::stoll(cursor->state) : 0;
}

// Everything says the same number.
void ExpectWhole(Store& store, std::int64_t last) {
  const auto sums = store.Sums({{"default", "agents", true, {}, kStart, kStart + 24h * 365},
                                {"second", "agents", true, {}, kStart, kStart + 24h * 365}});
  ASSERT_TRUE(sums.ok());
  ASSERT_EQ((*sums)[0].size(), last == 0 ? 0u : static_cast<std::size_t>(kKeys));
  for (const auto& sum : (*sums)[0]) ASSERT_EQ(sum.spent.cost.nanos(), last);
  JournalFilter all;
  all.most = 10'000'000;
  const auto journal = store.Journal(all);
  ASSERT_EQ(journal->size(), static_cast<std::size_t>(std::max<std::int64_t>(
                                 0, 2 * last - 1)));  // the first settles nothing
  all.held = HeldState::kHeld;
  const auto held = store.Journal(all);
  if (last == 0) return;
  ASSERT_EQ((*sums)[1][0].spent, (Amounts{.cost = Money::FromNanos(last), .calls = 2 * last}));
  ASSERT_EQ(support::FindCursorOne(store, "second", {2, 2})->state, std::to_string(last));
  ASSERT_EQ((*store.Rates("second"))[0].per_second, last);
  ASSERT_EQ(journal->back().reason, std::to_string(last));
  ASSERT_EQ(held->size(), 1u);
  ASSERT_EQ(held->front().id, journal->back().id);
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
    auto batches = Numbered(i);
    if (!(*store)->Commit(batches).ok()) _exit(2);
    if (write(acknowledged, &i, sizeof i) != sizeof i) _exit(3);
  }
}

enum class From { kBeginning, kFirstCommit };

// Forks, kills so long after the start or the first commit, returns the last number acknowledged
// (0: none).
std::int64_t KillWhileCommitting(const std::string& path, From from, Duration delay) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    CommitForever(path, ends[1]);
  }
  close(ends[1]);
  std::int64_t last = 0;
  if (from == From::kFirstCommit) {
    EXPECT_EQ(read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
  }
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
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
    const From from = round % 4 == 0 ? From::kBeginning : From::kFirstCommit;
    known = std::max(known, KillWhileCommitting(folder.File(), from, Duration(delay(random))));
    const auto store = Open(folder.File());
    const std::int64_t last = LastBatch(*store);
    ASSERT_GE(last, known);
    ASSERT_LE(last, known + 1);
    SCOPED_TRACE("round " + std::to_string(round));
    ExpectWhole(*store, last);
    if (HasFatalFailure()) return;
    known = last;
  }
  EXPECT_GE(known, 30);
}

}  // namespace
}  // namespace purser::ledger
