// Random bookings, signed and late ones too, and corrections, with folding and restarts, against a
// plain list of what was spent.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
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
  Amounts amounts;
};

// A plain list of what was booked, and of what is held.
class Model {
 public:
  void Add(const std::string& agent, Timestamp at, const Amounts& amounts) {
    spent_.push_back({agent, MinuteOf(at), amounts});
  }
  Amounts Sum(const Coverage& coverage) const {
    Amounts sum;
    for (const auto& spent : spent_) {
      if (spent.minute < MinuteOf(coverage.start) || spent.minute >= MinuteNotBefore(coverage.end))
        continue;
      const auto& agents = coverage.agents;
      if (coverage.whole_namespace ||
          std::find(agents.begin(), agents.end(), spent.agent) != agents.end())
        sum += spent.amounts;
    }
    return sum;
  }
  std::map<std::int64_t, JournalEntry> held;
  std::map<std::int64_t, bool> decided;  // accepted, or not
  std::size_t entries = 0;

 private:
  std::vector<Spent> spent_;
};

Amounts SumOf(Store& store, const Coverage& coverage) {
  const auto agents = support::SumOne(store, coverage);
  EXPECT_TRUE(agents.ok());
  Amounts sum;
  for (const auto& agent : *agents) sum += agent.spent;
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

SpendKey RandomKey(Random& random) {
  return {"default",
          "agents",
          std::string(1, static_cast<char>('a' + random(0, 3))),
          random(0, 1) != 0 ? "m" : "n",
          "",
          ""};
}

// Mostly now, sometimes late by up to five days.
Timestamp RandomTime(Random& random, Timestamp now) {
  const auto late = random(0, 9) < 7 ? random(0, 120'000) : random(0, 5 * 24 * 3'600'000);
  return std::max(now - Duration(late), kStart);
}

Amounts RandomAmounts(Random& random) {
  // One in eight is taken back.
  const std::int64_t sign = random(0, 7) == 0 ? -1 : 1;
  return {.cost = Money::FromNanos(sign * random(1, 2'000'000'000)),
          .calls = sign * random(0, 3),
          .input_tokens = random(0, 1) * random(0, 100'000),
          .latency_ms = random(0, 1) * random(0, 9'000),
          .estimated = Money::FromNanos(random(0, 1) * sign * random(0, 1'000'000))};
}

JournalEntry EntryOf(const SpendKey& key, Timestamp at, const Amounts& amounts, HeldState held) {
  JournalEntry entry;
  entry.kind = held == HeldState::kHeld ? JournalKind::kDoubt : JournalKind::kReversal;
  entry.key = key;
  entry.at = at;
  entry.recorded = at;
  entry.amount = amounts;
  entry.held = held;
  return entry;
}

void CommitRandomBatch(Random& random, Timestamp now, Store& store, Model& model) {
  std::vector<Batch> batches(1);
  auto& batch = batches[0];
  batch.source = "default";
  for (std::int64_t i = random(0, 8); i > 0; --i) {
    const Increment increment{RandomKey(random), RandomTime(random, now), RandomAmounts(random)};
    model.Add(increment.key.agent, increment.at, increment.amounts);
    batch.journal.push_back(
        EntryOf(increment.key, increment.at, increment.amounts, HeldState::kNone));
    batch.increments.push_back(increment);
  }
  if (random(0, 2) == 0) {
    batch.journal.push_back(EntryOf(RandomKey(random), RandomTime(random, now),
                                    RandomAmounts(random), HeldState::kHeld));
  }
  ASSERT_TRUE(store.Commit(batches).ok());
  model.entries += batch.journal.size();
  for (const auto& entry : batch.journal) {
    if (entry.held == HeldState::kHeld) model.held[entry.id] = entry;
  }
}

// An amount of its own, or a decision, also about what was decided before; each asked twice.
void CorrectAtRandom(Random& random, Timestamp now, int step, Store& store, Model& model) {
  Correction correction;
  correction.origin = "SpendCorrection/" + std::to_string(step);
  correction.recorded = now;
  const std::int64_t number = random(0, static_cast<std::int64_t>(model.held.size()));
  if (number == 0) {
    correction.key = RandomKey(random);
    correction.at = RandomTime(random, now);
    correction.amounts = RandomAmounts(random);
    model.Add(correction.key.agent, correction.at, correction.amounts);
    ++model.entries;
  } else {
    const auto& [id, held] = *std::next(model.held.begin(), number - 1);
    correction.doubt = id;
    correction.accept = random(0, 1) != 0;
    const auto before = model.decided.find(id);
    if (before == model.decided.end()) {
      model.decided[id] = correction.accept;
      if (correction.accept) model.Add(held.key.agent, held.at, held.amount);
      ++model.entries;
    } else if (before->second != correction.accept) {
      ASSERT_EQ(store.Correct(correction).error().code(), ErrorCode::kConflict);
      return;
    }
  }
  ASSERT_TRUE(store.Correct(correction).ok());
  const auto again = store.Correct(correction);
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(again->already);
}

void CheckJournal(Store& store, const Model& model) {
  JournalFilter all;
  all.most = 1'000'000;
  ASSERT_EQ(store.Journal(all)->size(), model.entries);
  all.held = HeldState::kHeld;
  const auto held = store.Journal(all);
  ASSERT_EQ(held->size(), model.held.size() - model.decided.size());
  for (const auto& entry : *held) {
    ASSERT_FALSE(model.decided.contains(entry.id));
    ASSERT_EQ(entry, model.held.at(entry.id));
  }
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
    CommitRandomBatch(random, now, *store, model);
    if (random(0, 3) == 0) CorrectAtRandom(random, now, step, *store, model);
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
    CheckJournal(*store, model);
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
  EXPECT_EQ(SumOf(*store, {"default", "agents", false, {"gone"}, kStart, later + 1h}), Amounts());
  EXPECT_EQ(SumOf(*store, {"default", "agents", true, {}, later - 399 * 24h, later + 1h}),
            CostOf(Money::FromNanos(1)));
  ASSERT_TRUE(store->ForgetCursors("default", later - 24h).ok());
  EXPECT_FALSE(support::FindCursorOne(*store, "default", {1, 1}).has_value());
  EXPECT_TRUE(support::FindCursorOne(*store, "default", {2, 2}).has_value());
  // A name that comes back begins again.
  batch.increments = {spend("gone", later)};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  EXPECT_EQ(SumOf(*store, {"default", "agents", false, {"gone"}, kStart, later + 1h}),
            CostOf(Money::FromNanos(1)));
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
