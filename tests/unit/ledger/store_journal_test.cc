// The journal, what it holds, and how that is decided: of every store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "every_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Timestamp kNoon{1'800'014'400s};

Amounts Nanos(std::int64_t nanos) { return CostOf(Money::FromNanos(nanos)); }

JournalEntry Entry(JournalKind kind, const std::string& agent, Timestamp at,
                   std::int64_t nanos = 0) {
  JournalEntry entry;
  entry.kind = kind;
  entry.at = at;
  entry.recorded = at + 1s;
  entry.key = {"default", "agents", agent, "m", "task", "flow"};
  entry.series = "cost_total{agent=\"" + agent + "\"}";
  entry.from = "1";
  entry.to = "2";
  entry.amount = Nanos(nanos);
  entry.reason = "seen";
  return entry;
}

JournalEntry Held(const std::string& agent, Timestamp at, std::int64_t nanos) {
  auto entry = Entry(JournalKind::kDoubt, agent, at, nanos);
  entry.held = HeldState::kHeld;
  return entry;
}

Correction Decide(std::int64_t doubt, bool accept, const std::string& uid) {
  Correction correction;
  correction.origin = "SpendCorrection/" + uid;
  correction.by = "alice";
  correction.reason = "known";
  correction.recorded = kNoon + 1h;
  correction.doubt = doubt;
  correction.accept = accept;
  return correction;
}

JournalFilter Filter() { return {}; }
template <typename Value, typename... Rest>
JournalFilter Filter(Value JournalFilter::*field, std::type_identity_t<Value> value, Rest... rest) {
  JournalFilter filter = Filter(rest...);
  filter.*field = std::move(value);
  return filter;
}

class StoreJournalTest : public EveryStoreTest {
 protected:
  // Writes them and returns them as they were written.
  std::vector<JournalEntry> Write(std::vector<JournalEntry> entries) {
    std::vector<Batch> batches(1);
    batches[0].source = "default";
    batches[0].journal = std::move(entries);
    const auto committed = store_->Commit(batches);
    EXPECT_TRUE(committed.ok()) << committed.error().message();
    return batches[0].journal;
  }
  std::vector<JournalEntry> Read(const JournalFilter& filter = {}) {
    auto entries = store_->Journal(filter);
    EXPECT_TRUE(entries.ok());
    return *entries;
  }
  Amounts Spent() { return Sum({"default", "agents", true, {}, kNoon - 24h, kNoon + 24h}); }
};

TEST_P(StoreJournalTest, EntriesComeBackAsTheyWere) {
  auto full = Held("a", kNoon, 5);
  full.amount = {Money::FromNanos(1), 2, 3, 4, 5, 6, 7, 8};
  full.by = "alice";
  full.origin = "SpendCorrection/1";
  const auto written = Write({full, Entry(JournalKind::kEpoch, "", kNoon)});
  EXPECT_LT(written[0].id, written[1].id);
  store_ = database_->Open();
  EXPECT_EQ(Read(), written);
  full.id = written[0].id;
  EXPECT_EQ(Read()[0], full);
}

TEST_P(StoreJournalTest, EveryFieldOfAFilterNarrows) {
  auto elsewhere = Entry(JournalKind::kDip, "a", kNoon + 3min);
  elsewhere.key.ns = "other";
  const auto w = Write({Entry(JournalKind::kDip, "a", kNoon), Held("b", kNoon + 1min, 1),
                        Entry(JournalKind::kGap, "c", kNoon + 2min), elsewhere});
  EXPECT_THAT(Read(Filter(&JournalFilter::source, "other")), IsEmpty());
  EXPECT_THAT(Read(Filter(&JournalFilter::ns, "other")), ElementsAre(w[3]));
  EXPECT_THAT(Read(Filter(&JournalFilter::ns, "agents", &JournalFilter::agents,
                          std::vector<std::string>{"a", "c"})),
              ElementsAre(w[0], w[2]));
  EXPECT_THAT(
      Read(Filter(&JournalFilter::since, kNoon + 1min, &JournalFilter::until, kNoon + 3min)),
      ElementsAre(w[1], w[2]));
  EXPECT_THAT(Read(Filter(&JournalFilter::held, HeldState::kHeld)), ElementsAre(w[1]));
  EXPECT_THAT(Read(Filter(&JournalFilter::held, HeldState::kNone, &JournalFilter::most, 1)),
              ElementsAre(w[3]));
  EXPECT_THAT(Read(Filter(&JournalFilter::most, 2)), ElementsAre(w[2], w[3]));
  EXPECT_THAT(Read(Filter(&JournalFilter::after_id, w[0].id, &JournalFilter::most, 2)),
              ElementsAre(w[1], w[2]));
}

TEST_P(StoreJournalTest, LongTextsAreCutAtACharacter) {
  auto entry = Entry(JournalKind::kDip, "a", kNoon);
  entry.series = std::string(kLongestJournalText - 1, 'x') + "\xc3\xa9";
  entry.reason = std::string(2 * kLongestJournalText, 'y');
  EXPECT_EQ(Write({entry})[0].series.size(), kLongestJournalText - 1);
  EXPECT_EQ(Read()[0].series, std::string(kLongestJournalText - 1, 'x'));
  EXPECT_EQ(Read()[0].reason.size(), kLongestJournalText);
}

TEST_P(StoreJournalTest, AnAcceptedDoubtIsBookedAtItsOwnTime) {
  const auto held = Write({Held("a", kNoon, 700), Held("b", kNoon, 9)})[0];
  EXPECT_EQ(Spent(), Amounts());
  const auto corrected = store_->Correct(Decide(held.id, true, "1"));
  ASSERT_TRUE(corrected.ok()) << corrected.error().message();
  EXPECT_FALSE(corrected->already);
  ASSERT_TRUE(corrected->increment.has_value());
  EXPECT_EQ(corrected->increment->at, kNoon);
  EXPECT_EQ(corrected->increment->key, held.key);
  EXPECT_EQ(Spent(), Nanos(700));
  const auto entries = Read();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].held, HeldState::kAccepted);
  EXPECT_EQ(entries[0].by, "alice");
  EXPECT_EQ(entries[2].id, corrected->entry);
  EXPECT_EQ(entries[2].kind, JournalKind::kCorrection);
  EXPECT_EQ(entries[2].amount, Nanos(700));
  EXPECT_EQ(entries[2].at, kNoon);
  EXPECT_EQ(entries[2].series, held.series);
  EXPECT_EQ(entries[2].by, "alice");
  EXPECT_EQ(entries[2].recorded, kNoon + 1h);
  EXPECT_THAT(Read(Filter(&JournalFilter::held, HeldState::kHeld)),
              ElementsAre(Field(&JournalEntry::id, 2)));
}

TEST_P(StoreJournalTest, ARejectedDoubtIsNeverBooked) {
  const auto held = Write({Held("a", kNoon, 700)})[0];
  const auto corrected = store_->Correct(Decide(held.id, false, "1"));
  ASSERT_TRUE(corrected.ok());
  EXPECT_FALSE(corrected->increment.has_value());
  EXPECT_EQ(Spent(), Amounts());
  EXPECT_EQ(Read()[0].held, HeldState::kRejected);
  EXPECT_EQ(Read()[1].amount, Amounts());
}

TEST_P(StoreJournalTest, ACorrectionIsBookedOnce) {
  const auto held = Write({Held("a", kNoon, 700)})[0];
  const auto first = store_->Correct(Decide(held.id, true, "1"));
  ASSERT_TRUE(first.ok());
  store_ = database_->Open();
  ASSERT_TRUE(store_->TakeOver().ok());
  for (const char* uid : {"1", "2"}) {  // the same again; another one that says the same
    const auto again = store_->Correct(Decide(held.id, true, uid));
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again->already);
    EXPECT_FALSE(again->increment.has_value());
  }
  EXPECT_EQ(store_->Correct(Decide(held.id, true, "1"))->entry, first->entry);
  EXPECT_EQ(Spent(), Nanos(700));
  EXPECT_EQ(Read().size(), 2u);
}

TEST_P(StoreJournalTest, WhatWasDecidedStaysDecided) {
  const auto held = Write({Held("a", kNoon, 700)})[0];
  ASSERT_TRUE(store_->Correct(Decide(held.id, false, "1")).ok());
  const auto otherwise = store_->Correct(Decide(held.id, true, "2"));
  ASSERT_FALSE(otherwise.ok());
  EXPECT_EQ(otherwise.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(otherwise.error().message(),
              AllOf(HasSubstr("rejected before by alice"), HasSubstr("instead")));
  EXPECT_EQ(Spent(), Amounts());
  EXPECT_EQ(Read().size(), 2u);
}

TEST_P(StoreJournalTest, OnlyWhatIsHeldCanBeDecided) {
  const auto plain = Write({Entry(JournalKind::kDip, "a", kNoon)})[0];
  for (const std::int64_t id : {plain.id, std::int64_t{4711}, std::int64_t{-1}}) {
    const auto corrected = store_->Correct(Decide(id, true, "1"));
    ASSERT_FALSE(corrected.ok());
    EXPECT_EQ(corrected.error().code(), ErrorCode::kNotFound);
    EXPECT_THAT(corrected.error().message(), HasSubstr("purser journal --held"));
  }
}

TEST_P(StoreJournalTest, AnAmountOfItsOwnIsSigned) {
  Correction correction = Decide(0, false, "1");
  correction.key = {"default", "agents", "a", "", "", ""};
  correction.at = kNoon;
  correction.amounts = Nanos(-314);
  auto corrected = store_->Correct(correction);
  ASSERT_TRUE(corrected.ok()) << corrected.error().message();
  EXPECT_EQ(Spent(), Nanos(-314));
  EXPECT_TRUE(store_->Correct(correction)->already);
  EXPECT_EQ(Spent(), Nanos(-314));
  EXPECT_EQ(Read()[0].reason, "known");
  EXPECT_EQ(Read()[0].amount, Nanos(-314));

  auto broken = correction;
  broken.origin.clear();
  EXPECT_EQ(store_->Correct(broken).error().code(), ErrorCode::kInvalidArgument);
  broken = correction;
  broken.amounts = Amounts();
  EXPECT_EQ(store_->Correct(broken).error().code(), ErrorCode::kInvalidArgument);
  broken = correction;
  broken.key.source.clear();
  EXPECT_EQ(store_->Correct(broken).error().code(), ErrorCode::kInvalidArgument);
  broken = correction;
  broken.at = Timestamp(-1ms);
  EXPECT_EQ(store_->Correct(broken).error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(StoreJournalTest, CorrectionsAreFenced) {
  const auto held = Write({Held("a", kNoon, 700)})[0];
  const auto successor = database_->Open();
  ASSERT_TRUE(successor->TakeOver().ok());
  EXPECT_EQ(store_->Correct(Decide(held.id, true, "1")).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(Spent(), Amounts());
  EXPECT_EQ(Read()[0].held, HeldState::kHeld);
  EXPECT_TRUE(successor->Correct(Decide(held.id, true, "1")).ok());
}

TEST_P(StoreJournalTest, LaterSamplesSettleWhatIsHeld) {
  const auto held = Write({Held("a", kNoon, 700), Held("b", kNoon, 1), Held("a", kNoon + 2h, 2)});
  auto settling = Entry(JournalKind::kRestart, "a", kNoon, 700);
  settling.held = HeldState::kSettled;
  EXPECT_GT(Write({settling})[0].id, held[2].id);
  EXPECT_EQ(Spent(), Nanos(700));
  // Once: nothing is held there any more.
  EXPECT_EQ(Write({settling})[0].id, 0);
  EXPECT_EQ(Spent(), Nanos(700));
  EXPECT_THAT(Read(Filter(&JournalFilter::held, HeldState::kHeld)), ElementsAre(held[1], held[2]));
  EXPECT_EQ(Read()[0].held, HeldState::kSettled);
  const auto late = store_->Correct(Decide(held[0].id, true, "1"));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::kConflict);
  EXPECT_THAT(late.error().message(), HasSubstr("settled by later samples"));
}

TEST_P(StoreJournalTest, WhatSomebodyDecidedIsNotSettled) {
  const auto held = Write({Held("a", kNoon, 700), Held("b", kNoon, 50)});
  ASSERT_TRUE(store_->Correct(Decide(held[0].id, true, "1")).ok());
  ASSERT_TRUE(store_->Correct(Decide(held[1].id, false, "2")).ok());
  for (const auto* agent : {"a", "b"}) {
    auto settling = Entry(JournalKind::kDoubt, agent, kNoon, 700);
    settling.held = HeldState::kSettled;
    EXPECT_EQ(Write({settling})[0].id, 0) << agent;
  }
  EXPECT_EQ(Spent(), Nanos(700));
  EXPECT_THAT(Read(Filter(&JournalFilter::held, HeldState::kSettled)), IsEmpty());
}

TEST_P(StoreJournalTest, WhatIsSettledAsNoneIsNotBooked) {
  const auto held = Write({Held("a", kNoon, 700)})[0];
  auto settling = Entry(JournalKind::kDoubt, "a", kNoon);
  settling.amount = {};
  settling.held = HeldState::kSettled;
  EXPECT_GT(Write({settling})[0].id, 0);
  EXPECT_EQ(Spent(), Amounts());
  EXPECT_FALSE(store_->Correct(Decide(held.id, true, "1")).ok());
}

JournalEntry Settling(const std::string& series, Timestamp at, const Amounts& settles,
                      bool money = true) {
  auto entry = Entry(JournalKind::kDoubt, "a", at);
  entry.series = series;
  entry.held = HeldState::kSettled;
  entry.settles = settles;
  entry.amount = money ? settles : Amounts();
  return entry;
}

// What an answer holds of many series at once is one entry without a series.
JournalEntry HeldTogether(Timestamp at, const Amounts& amount) {
  auto entry = Held("a", at, 0);
  entry.series.clear();
  entry.amount = amount;
  return entry;
}

TEST_P(StoreJournalTest, WhatIsHeldTogetherSettlesInParts) {
  const auto sum = Write({HeldTogether(kNoon + 1s, Nanos(900)), Held("b", kNoon, 5)})[0];
  const auto first = Write({Settling("1", kNoon, Nanos(700))})[0];
  EXPECT_GT(first.id, 0);
  EXPECT_EQ(first.settled_in, sum.id);
  EXPECT_EQ(first.left, Nanos(200));
  EXPECT_EQ(Spent(), Nanos(700));
  EXPECT_EQ(Read()[0].amount, Nanos(200));
  EXPECT_EQ(Read()[0].held, HeldState::kHeld);
  EXPECT_EQ(Write({Settling("1", kNoon, Nanos(7))})[0].id, 0) << "once";
  EXPECT_EQ(Write({Settling("2", kNoon, Nanos(700))})[0].id, 0) << "more than is held";
  EXPECT_EQ(Write({Settling("3", kNoon + 2s, Nanos(1))})[0].id, 0) << "later than the sum";
  EXPECT_GT(Write({Settling("4", kNoon, Nanos(150), false)})[0].id, 0) << "it was no money";
  EXPECT_EQ(Spent(), Nanos(700));
  // The rest is a person's.
  ASSERT_TRUE(store_->Correct(Decide(sum.id, true, "1")).ok());
  EXPECT_EQ(Spent(), Nanos(750));
  EXPECT_EQ(Write({Settling("5", kNoon, Nanos(50))})[0].id, 0) << "somebody decided";
}

TEST_P(StoreJournalTest, WhatIsHeldTogetherIsSettledWithItsLastPart) {
  const auto sum = Write({HeldTogether(kNoon, Nanos(900))})[0];
  Write({Settling("1", kNoon, Nanos(400)), Settling("2", kNoon, Nanos(500))});
  EXPECT_EQ(Spent(), Nanos(900));
  EXPECT_EQ(Read()[0].held, HeldState::kSettled);
  EXPECT_EQ(store_->Correct(Decide(sum.id, true, "1")).error().code(), ErrorCode::kConflict);
}

// Whoever has an entry of its own is in no sum, whatever became of it.
TEST_P(StoreJournalTest, WhatIsHeldAloneNeverSettlesInASum) {
  const auto alone = Write({Held("a", kNoon, 700), HeldTogether(kNoon, Nanos(900))})[0];
  ASSERT_TRUE(store_->Correct(Decide(alone.id, true, "1")).ok());
  EXPECT_EQ(Write({Settling(alone.series, kNoon, Nanos(700))})[0].id, 0);
  EXPECT_EQ(Spent(), Nanos(700));
}

// Priced otherwise by now: tokens tell what is left.
TEST_P(StoreJournalTest, TokensSettleWhateverTheyCostMeanwhile) {
  const auto tokens = [](std::int64_t count, std::int64_t nanos) {
    return Amounts{.cost = Money::FromNanos(nanos), .input_tokens = count};
  };
  Write({HeldTogether(kNoon, tokens(30, 300))});
  Write({HeldTogether(kNoon, {.cost = Money::FromNanos(10), .output_tokens = 1})});
  EXPECT_EQ(Write({Settling("1", kNoon, tokens(10, 400))})[0].left, tokens(20, 0));
  EXPECT_EQ(Write({Settling("2", kNoon, tokens(20, 1))})[0].left, Amounts());
  EXPECT_EQ(Read()[1].held, HeldState::kHeld) << "other tokens";
}

INSTANTIATE_TEST_SUITE_P(Every, StoreJournalTest, ::testing::ValuesIn(EveryStore()), NameOfKind);

JournalEntry Numbered(int number, Timestamp recorded) {
  auto entry = Entry(JournalKind::kLargeStep, "a", recorded);
  entry.recorded = recorded;
  entry.reason = std::to_string(number);
  return entry;
}

TEST(StoreJournalFold, ForgetsOldEntriesButNothingHeldOrAsked) {
  const TemporaryFolder folder;
  auto store = std::move(*OpenSqliteStore(folder.File()));
  ASSERT_TRUE(store->TakeOver().ok());
  Batch batch;
  batch.source = "default";
  auto asked = Numbered(2, kNoon);
  asked.origin = "SpendCorrection/1";
  auto held = Numbered(3, kNoon);
  held.held = HeldState::kHeld;
  batch.journal = {Numbered(1, kNoon), asked, held, Numbered(4, kNoon + 34 * 24h)};
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  ASSERT_TRUE(store->Fold(kNoon + 36 * 24h).ok());
  const auto reason = [](const char* text) { return Field(&JournalEntry::reason, text); };
  EXPECT_THAT(*store->Journal({}), ElementsAre(reason("2"), reason("3"), reason("4")));
  ASSERT_TRUE(store->Fold(kNoon + 401 * 24h).ok());
  EXPECT_THAT(*store->Journal({}), IsEmpty());
}

TEST(StoreJournalFold, KeepsABoundedNumber) {
  const TemporaryFolder folder;
  auto store = std::move(*OpenSqliteStore(folder.File()));
  ASSERT_TRUE(store->TakeOver().ok());
  constexpr int kBeyond = 4'500;
  Batch batch;
  batch.source = "default";
  auto held = Numbered(0, kNoon);
  held.held = HeldState::kHeld;
  batch.journal.push_back(held);
  for (int i = 1; i < kMostJournalEntries + kBeyond; ++i) {
    batch.journal.push_back(Numbered(i, kNoon));
    batch.journal.back().series.clear();
  }
  ASSERT_TRUE(support::CommitOne(*store, batch).ok());
  ASSERT_TRUE(store->Fold(kNoon + 24h).ok());
  const auto kept = store->Journal(Filter(&JournalFilter::most, kMostJournalEntries + kBeyond));
  ASSERT_EQ(kept->size(), static_cast<std::size_t>(kMostJournalEntries) + 1);
  EXPECT_EQ((*kept)[0].reason, "0");
  EXPECT_EQ((*kept)[1].reason, std::to_string(kBeyond));
}

}  // namespace
}  // namespace purser::ledger
