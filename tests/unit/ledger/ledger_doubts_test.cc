// Held money in the ledger: told beside the total, decided by corrections, settled by batches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/doubts.h"
#include "ledger/ledger.h"
#include "support/clocks.h"
#include "support/memory_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Timestamp kNoon{1'800'014'400s};

Amounts Dollars(std::int64_t amount) {
  return CostOf(Money::FromNanos(amount * Money::kNanosPerDollar));
}

Coverage Whole(Timestamp start = kNoon - 12h, Timestamp end = kNoon + 12h) {
  return {"default", "agents", true, {}, start, end};
}

Coverage Of(const std::string& agent) {
  auto coverage = Whole();
  coverage.whole_namespace = false;
  coverage.agents = {agent};
  return coverage;
}

Batch Holding(const std::string& agent, std::int64_t dollars, Timestamp at = kNoon) {
  Batch batch;
  batch.source = "default";
  JournalEntry entry;
  entry.at = at;
  entry.key = {"default", "agents", agent, "", "", ""};
  entry.series = agent;
  entry.amount = Dollars(dollars);
  entry.held = HeldState::kHeld;
  batch.journal = {entry};
  return batch;
}

Correction Decide(std::int64_t doubt, bool accept) {
  Correction correction;
  correction.origin = "SpendCorrection/" + std::to_string(doubt);
  correction.doubt = doubt;
  correction.accept = accept;
  return correction;
}

class LedgerDoubtsTest : public ::testing::Test {
 protected:
  LedgerDoubtsTest() {
    EXPECT_TRUE(store_.TakeOver().ok());
    Restart();
  }
  void Restart() {
    ledger_ = MakeLedger(std::make_unique<support::BorrowedStore>(store_), clock_);
    ledger_->OnChange([this](const std::vector<std::string>& ids) { changed_.push_back(ids); });
    ASSERT_TRUE(ledger_->Track("all", Whole()).ok());
    ASSERT_TRUE(ledger_->Track("a", Of("a")).ok());
  }
  Total Read(const std::string& id) { return *ledger_->Read(id, kNoon); }

  support::MemoryStore store_;
  support::FakeClock clock_{kNoon};
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::vector<std::string>> changed_;
};

TEST_F(LedgerDoubtsTest, HeldMoneyStandsBesideTheTotal) {
  ASSERT_TRUE(ledger_->Commit(Holding("a", 5)).ok());
  ASSERT_TRUE(ledger_->Commit(Holding("b", 7)).ok());
  ASSERT_TRUE(ledger_->Commit(Holding("a", 100, kNoon - 13h)).ok());  // before the window
  EXPECT_THAT(changed_,
              ElementsAre(::testing::UnorderedElementsAre("all", "a"), ElementsAre("all")));
  for (int restarted = 0; restarted < 2; ++restarted) {
    EXPECT_EQ(Read("all").spent, Amounts());
    EXPECT_EQ(Read("all").in_doubt, Dollars(12));
    EXPECT_EQ(Read("all").doubts, 2);
    EXPECT_EQ(Read("a").in_doubt, Dollars(5));
    EXPECT_THAT(ledger_->Doubts(Whole(), 10), SizeIs(2));
    EXPECT_THAT(ledger_->Doubts(Whole(), 1), SizeIs(1));
    EXPECT_EQ(ledger_->Doubts(Of("a"), 10)[0].amount, Dollars(5));
    EXPECT_EQ(ledger_->Doubts(Of("a"), 10)[0].recorded, kNoon);
    Restart();
  }
}

TEST_F(LedgerDoubtsTest, ADecisionIsSeenAtOnce) {
  ASSERT_TRUE(ledger_->Commit(Holding("a", 5)).ok());
  ASSERT_TRUE(ledger_->Commit(Holding("b", 7)).ok());
  changed_.clear();
  ASSERT_TRUE(ledger_->Correct(Decide(1, true)).ok());
  EXPECT_EQ(Read("all").spent, Dollars(5));
  EXPECT_EQ(Read("all").in_doubt, Dollars(7));
  EXPECT_EQ(Read("a").in_doubt, Amounts());
  EXPECT_EQ(Read("a").doubts, 0);
  EXPECT_EQ(Read("a").last_hour, Dollars(5));
  EXPECT_THAT(changed_, SizeIs(1));
  ASSERT_TRUE(ledger_->Correct(Decide(2, false)).ok());
  EXPECT_EQ(Read("all").spent, Dollars(5));
  EXPECT_EQ(Read("all").in_doubt, Amounts());
  EXPECT_THAT(ledger_->Doubts(Whole(), 10), IsEmpty());
  EXPECT_THAT(changed_, SizeIs(2));
  EXPECT_TRUE(ledger_->Correct(Decide(1, true))->already);
  EXPECT_EQ(ledger_->Correct(Decide(9, true)).error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(changed_, SizeIs(2));
  EXPECT_EQ(Read("all").spent, Dollars(5));
}

TEST_F(LedgerDoubtsTest, AnAmountOfItsOwnCountsAtOnce) {
  Correction correction;
  correction.origin = "SpendCorrection/x";
  correction.key = {"default", "agents", "a", "", "", ""};
  correction.at = kNoon;
  correction.amounts = Dollars(-3);
  ASSERT_TRUE(ledger_->Correct(correction).ok());
  EXPECT_EQ(Read("a").spent, Dollars(-3));
  EXPECT_EQ(Read("a").last_hour, Amounts());  // a rate is never below zero
  EXPECT_EQ(ledger_->Agents("all", 5).dearest[0], (AgentSpend{"a", Dollars(-3)}));
  EXPECT_THAT(changed_, SizeIs(1));
}

TEST_F(LedgerDoubtsTest, LaterSamplesSettle) {
  ASSERT_TRUE(ledger_->Commit(Holding("a", 5)).ok());
  auto settling = Holding("a", 5);
  settling.journal[0].held = HeldState::kSettled;
  for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(ledger_->Commit(settling).ok());
  EXPECT_EQ(Read("a").in_doubt, Amounts());
  EXPECT_EQ(Read("a").spent, Dollars(5));
  EXPECT_THAT(ledger_->Doubts(Whole(), 10), IsEmpty());
}

TEST_F(LedgerDoubtsTest, APartOfWhatIsHeldTogetherSettles) {
  auto holding = Holding("a", 9);
  holding.journal[0].series.clear();
  ASSERT_TRUE(ledger_->Commit(holding).ok());
  auto settling = Holding("a", 5);
  settling.journal[0].held = HeldState::kSettled;
  settling.journal[0].settles = Dollars(5);
  for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(ledger_->Commit(settling).ok());
  for (int restarted = 0; restarted < 2; ++restarted) {
    EXPECT_EQ(Read("a").in_doubt, Dollars(4));
    EXPECT_EQ(Read("a").doubts, 1);
    EXPECT_EQ(Read("a").spent, Dollars(5));
    EXPECT_EQ(ledger_->Doubts(Whole(), 10)[0].amount, Dollars(4));
    Restart();
  }
  settling.journal[0].series = "another";
  settling.journal[0].amount = settling.journal[0].settles = Dollars(4);
  ASSERT_TRUE(ledger_->Commit(settling).ok());
  EXPECT_EQ(Read("a").doubts, 0);
  EXPECT_EQ(Read("a").spent, Dollars(9));
  EXPECT_THAT(ledger_->Doubts(Whole(), 10), IsEmpty());
}

TEST_F(LedgerDoubtsTest, WhatCouldNotBeWrittenIsNotHeld) {
  store_.fail = [] { return Error(ErrorCode::kUnavailable, "full"); };
  EXPECT_FALSE(ledger_->Commit(Holding("a", 5)).ok());
  EXPECT_FALSE(ledger_->Correct(Decide(1, true)).ok());
  EXPECT_EQ(Read("a").in_doubt, Amounts());
  store_.fail = nullptr;
  ASSERT_TRUE(ledger_->Commit(Holding("a", 5)).ok());
  EXPECT_EQ(Read("a").in_doubt, Dollars(5));
}

TEST_F(LedgerDoubtsTest, MoreThanFitAreFoundOnceThereIsRoom) {
  Batch many = Holding("a", 1);
  for (std::size_t i = 1; i < kMostDoubts + 1; ++i) many.journal.push_back(many.journal[0]);
  ASSERT_TRUE(ledger_->Commit(many).ok());
  EXPECT_EQ(Read("a").doubts, static_cast<std::int64_t>(kMostDoubts));
  ASSERT_TRUE(ledger_->Correct(Decide(1, false)).ok());
  EXPECT_EQ(Read("a").doubts, static_cast<std::int64_t>(kMostDoubts) - 1);
  ASSERT_TRUE(ledger_->Track("again", Of("a")).ok());
  EXPECT_EQ(Read("a").doubts, static_cast<std::int64_t>(kMostDoubts));
  EXPECT_EQ(Read("again").doubts, static_cast<std::int64_t>(kMostDoubts));
}

TEST_F(LedgerDoubtsTest, AStartWithoutTheStoreLoadsThemLater) {
  ASSERT_TRUE(ledger_->Commit(Holding("a", 5)).ok());
  store_.fail = [] { return Error(ErrorCode::kUnavailable, "away"); };
  ledger_ = MakeLedger(std::make_unique<support::BorrowedStore>(store_), clock_);
  EXPECT_FALSE(ledger_->Track("a", Of("a")).ok());
  store_.fail = nullptr;
  ASSERT_TRUE(ledger_->Track("a", Of("a")).ok());
  EXPECT_EQ(Read("a").in_doubt, Dollars(5));
}

}  // namespace
}  // namespace purser::ledger
