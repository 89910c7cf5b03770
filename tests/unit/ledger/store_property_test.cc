// Random bookings, late ones too, with folding and restarts, against a plain list of what was
// spent.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "ledger/sqlite/sqlite_store.h"
#include "ledger/store.h"
#include "support/memory_store.h"
#include "temporary_file.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'800'000'000s};

struct Spent {
  std::string agent;
  std::int64_t minute;
  std::int64_t nanos;
};

class Model {
 public:
  void Add(const Increment& increment) {
    spent_.push_back({increment.key.agent, MinuteOf(increment.at), increment.amounts.cost.nanos()});
  }
  std::int64_t Sum(const Coverage& coverage) const {
    std::int64_t sum = 0;
    for (const auto& spent : spent_) {
      if (spent.minute < MinuteOf(coverage.start) || spent.minute >= MinuteNotBefore(coverage.end))
        continue;
      const auto& agents = coverage.agents;
      if (coverage.whole_namespace ||
          std::find(agents.begin(), agents.end(), spent.agent) != agents.end())
        sum += spent.nanos;
    }
    return sum;
  }

 private:
  std::vector<Spent> spent_;
};

std::int64_t SumOf(Store& store, const Coverage& coverage) {
  const auto agents = support::SumOne(store, coverage);
  EXPECT_TRUE(agents.ok());
  std::int64_t sum = 0;
  for (const auto& agent : *agents) sum += agent.spent.cost.nanos();
  return sum;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t operator()(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(engine_);
  }

 private:
  std::mt19937_64 engine_;
};

std::unique_ptr<Store> Open(const std::string& path) {
  auto store = OpenSqliteStore(path);
  EXPECT_TRUE(store.ok()) << store.error().message();
  EXPECT_TRUE((*store)->TakeOver().ok());
  return std::move(*store);
}

Batch RandomBatch(Random& random, Timestamp now, Model& model) {
  Batch batch;
  batch.source = "default";
  for (std::int64_t i = random(0, 8); i > 0; --i) {
    // Mostly now, sometimes late by up to five days.
    const auto late = random(0, 9) < 7 ? random(0, 120'000) : random(0, 5 * 24 * 3'600'000);
    Increment increment{{"default", "agents", std::string(1, static_cast<char>('a' + random(0, 3))),
                         random(0, 1) != 0 ? "m" : "n", "", ""},
                        std::max(now - Duration(late), kStart),
                        CostOf(Money::FromNanos(random(1, 2'000'000'000)))};
    model.Add(increment);
    batch.increments.push_back(std::move(increment));
  }
  return batch;
}

Coverage RandomCoverage(Random& random, Timestamp now, Duration grain) {
  const auto any = [&] {
    const std::int64_t reach = (now - kStart) / grain + 2;
    return std::chrono::floor<std::chrono::hours>(kStart) + random(0, reach) * grain;
  };
  const auto [start, end] = std::minmax({any(), any()});
  if (random(0, 1) != 0) return {"default", "agents", true, {}, start, end};
  return {"default", "agents", false, {"a", "c"}, start, end};
}

void Walk(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const TemporaryFolder folder;
  auto store = Open(folder.File());
  Model model;
  Timestamp now = kStart;
  for (int step = 0; step < 60; ++step) {
    now += Duration(random(0, 4 * 3'600'000));
    ASSERT_TRUE(support::CommitOne(*store, RandomBatch(random, now, model)).ok());
    if (random(0, 5) == 0) {
      ASSERT_TRUE(store->Fold(now).ok());
    }
    if (random(0, 20) == 0) store = Open(folder.File());
    if (random(0, 2) != 0) continue;
    // Whatever is folded, quarters of an hour are exact.
    const auto coverage = RandomCoverage(random, now, 15min);
    ASSERT_EQ(SumOf(*store, coverage), model.Sum(coverage)) << "step " << step;
    // Not yet folded: minutes are.
    auto recent = RandomCoverage(random, now, 1min);
    recent.start = std::max(recent.start, now - 47h);
    recent.end = std::max(recent.end, recent.start);
    ASSERT_EQ(SumOf(*store, recent), model.Sum(recent)) << "step " << step;
  }
}

TEST(StoreProperty, SumsEqualThoseOfAPlainList) {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    Walk(seed);
    if (HasFatalFailure()) return;
  }
}

std::size_t Rows(Store& store, Timestamp from, Timestamp to) {
  return support::MinutesOne(store, {"default", "agents", true, {}, from, to})->size();
}

TEST(StoreFold, KeepsOneRowAQuarterAfterTwoDays) {
  const TemporaryFolder folder;
  auto store = Open(folder.File());
  Batch batch;
  batch.source = "default";
  for (int minute = 0; minute < 24 * 60; ++minute)
    batch.increments.push_back(
        {{"default", "agents", "a", "", "", ""}, kStart + minute * 1min, Money::FromNanos(1)});
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  ASSERT_TRUE(store->Fold(kStart + 24h).ok());
  EXPECT_EQ(Rows(*store, kStart, kStart + 24h), 24u * 60);
  ASSERT_TRUE(store->Fold(kStart + 60h).ok());
  EXPECT_EQ(Rows(*store, kStart, kStart + 12h), 48u);
  EXPECT_EQ(Rows(*store, kStart + 12h, kStart + 24h), 12u * 60);
  ASSERT_TRUE(store->Fold(kStart + 60h + 1min).ok());  // the same quarter: nothing to do
  ASSERT_TRUE(store->Fold(kStart + 90h).ok());
  EXPECT_EQ(Rows(*store, kStart, kStart + 24h), 96u);
}

TEST(StoreFold, DropsWhatIsOlderThanFourHundredDays) {
  const TemporaryFolder folder;
  auto store = Open(folder.File());
  const auto spend = [](const char* agent, Timestamp at) {
    return Increment{{"default", "agents", agent, "", "", ""}, at, CostOf(Money::FromNanos(1))};
  };
  Batch batch;
  batch.source = "default";
  const Timestamp later = kStart + 500 * 24h;
  batch.increments = {spend("gone", kStart), spend("stays", kStart), spend("stays", kStart + 1h),
                      spend("stays", later)};
  batch.cursors = {{{1, 1}, kStart, "one"}, {{2, 2}, later, "two"}};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  ASSERT_TRUE(store->Fold(later).ok());
  EXPECT_EQ(SumOf(*store, {"default", "agents", false, {"gone"}, kStart, later + 1h}), 0);
  EXPECT_EQ(SumOf(*store, {"default", "agents", true, {}, later - 399 * 24h, later + 1h}), 1);
  ASSERT_TRUE(store->ForgetCursors("default", later - 24h).ok());
  EXPECT_FALSE(support::FindCursorOne(*store, "default", {1, 1}).has_value());
  EXPECT_TRUE(support::FindCursorOne(*store, "default", {2, 2}).has_value());
  // A name that comes back begins again.
  batch.increments = {spend("gone", later)};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  EXPECT_EQ(SumOf(*store, {"default", "agents", false, {"gone"}, kStart, later + 1h}), 1);
}

TEST(StoreFold, IsFenced) {
  const TemporaryFolder folder;
  auto store = Open(folder.File());
  Batch batch;
  batch.source = "default";
  batch.increments = {
      {{"default", "agents", "a", "", "", ""}, kStart, CostOf(Money::FromNanos(1))}};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  auto successor = Open(folder.File());
  EXPECT_EQ(store->Fold(kStart + 100h).error().code(), ErrorCode::kFenced);
  EXPECT_TRUE(successor->Fold(kStart + 100h).ok());
}

}  // namespace
}  // namespace purser::ledger
