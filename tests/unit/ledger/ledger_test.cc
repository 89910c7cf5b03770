#include "ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/clocks.h"
#include "support/memory_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Timestamp kNoon{1'800'014'400s};
constexpr Timestamp kMidnight = kNoon - 12h;

Amounts Dollars(std::int64_t amount) {
  return CostOf(Money::FromNanos(amount * Money::kNanosPerDollar));
}

Increment Spend(const std::string& agent, Timestamp at, std::int64_t dollars,
                const std::string& ns = "agents", const std::string& model = "m") {
  return {{"default", ns, agent, model, "", ""}, at, Dollars(dollars)};
}

Batch BatchOf(std::vector<Increment> increments) {
  return {"default", std::move(increments), {}, {}, {}, {}, {}, {}};
}

Coverage Of(std::vector<std::string> agents, Timestamp start = kMidnight,
            Timestamp end = kMidnight + 24h) {
  return {"default", "agents", false, std::move(agents), start, end};
}

Coverage Whole(Timestamp start = kMidnight, Timestamp end = kMidnight + 24h) {
  return {"default", "agents", true, {}, start, end};
}

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    EXPECT_TRUE(store_.TakeOver().ok());
    ledger_ = MakeLedger(std::make_unique<support::BorrowedStore>(store_), clock_);
    ledger_->OnChange([this](const std::vector<std::string>& ids) { changed_.push_back(ids); });
    ledger_->OnHealth([this](const std::string& source) { health_.push_back(source); });
  }

  Amounts Spent(const std::string& id) { return ledger_->Read(id, kNoon).value().spent; }

  support::MemoryStore store_;
  support::FakeClock clock_{kNoon};
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::vector<std::string>> changed_;
  std::vector<std::string> health_;
};

TEST_F(LedgerTest, CountsWhatIsBookedBeforeAndAfterTrack) {
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon - 1h, 2)})).ok());
  EXPECT_THAT(changed_, IsEmpty());  // nobody asked
  ASSERT_TRUE(ledger_->Track("budget", Of({"a", "b"})).ok());
  EXPECT_EQ(Spent("budget"), Dollars(2));
  ASSERT_TRUE(
      ledger_
          ->Commit(BatchOf({Spend("a", kNoon, 3), Spend("b", kNoon, 10), Spend("c", kNoon, 100)}))
          .ok());
  const auto total = ledger_->Read("budget", kNoon);
  EXPECT_EQ(total->spent, Dollars(15));
  const auto agents = ledger_->Agents("budget", 20);
  EXPECT_THAT(agents.dearest,
              ElementsAre(AgentSpend{"b", Dollars(10)}, AgentSpend{"a", Dollars(5)}));
  EXPECT_EQ(agents.count, 2u);
  EXPECT_THAT(changed_, ElementsAre(ElementsAre("budget")));
}

TEST_F(LedgerTest, WindowIsHalfOpen) {
  ASSERT_TRUE(ledger_->Track("budget", Of({"a"})).ok());
  ASSERT_TRUE(
      ledger_
          ->Commit(BatchOf({Spend("a", kMidnight - 1ms, 1), Spend("a", kMidnight, 2),
                            Spend("a", kMidnight + 24h - 1ms, 4), Spend("a", kMidnight + 24h, 8)}))
          .ok());
  EXPECT_EQ(Spent("budget"), Dollars(6));
  ASSERT_TRUE(ledger_->Track("again", Of({"a"})).ok());
  EXPECT_EQ(Spent("again"), Dollars(6));
}

TEST_F(LedgerTest, TellsOnlyTheBudgetsThatCoverTheAgent) {
  ASSERT_TRUE(ledger_->Track("a", Of({"a"})).ok());
  ASSERT_TRUE(ledger_->Track("ab", Of({"a", "b"})).ok());
  ASSERT_TRUE(ledger_->Track("whole", Whole()).ok());
  auto elsewhere = Whole();
  elsewhere.ns = "other";
  ASSERT_TRUE(ledger_->Track("elsewhere", elsewhere).ok());
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("b", kNoon, 1), Spend("b", kNoon - 1min, 1)})).ok());
  ASSERT_EQ(changed_.size(), 1u);
  EXPECT_THAT(changed_[0], UnorderedElementsAre("ab", "whole"));
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("unknown", kNoon, 1)})).ok());
  EXPECT_THAT(changed_[1], ElementsAre("whole"));
}

TEST_F(LedgerTest, TrackReplacesAndUntrackForgets) {
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 1), Spend("b", kNoon, 2)})).ok());
  ASSERT_TRUE(ledger_->Track("x", Of({"a"})).ok());
  ASSERT_TRUE(ledger_->Track("x", Of({"a"})).ok());  // equal: a no-op
  EXPECT_EQ(Spent("x"), Dollars(1));
  ASSERT_TRUE(ledger_->Track("x", Of({"b"})).ok());
  EXPECT_EQ(Spent("x"), Dollars(2));
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 64)})).ok());
  EXPECT_THAT(changed_, IsEmpty());
  ASSERT_TRUE(ledger_->Track("x", Whole()).ok());
  EXPECT_EQ(Spent("x"), Dollars(67));
  ledger_->Untrack("x");
  ledger_->Untrack("never there");
  EXPECT_FALSE(ledger_->Read("x", kNoon).has_value());
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 1)})).ok());
  EXPECT_THAT(changed_, IsEmpty());
}

TEST_F(LedgerTest, RatesDoNotDependOnTheWindow) {
  ASSERT_TRUE(
      ledger_->Commit(BatchOf({Spend("a", kNoon - 50min, 8), Spend("a", kNoon - 3min, 2)})).ok());
  ASSERT_TRUE(ledger_->Track("hour", Of({"a"}, kNoon, kNoon + 1h)).ok());
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon + 10s, 1)})).ok());
  const auto total = ledger_->Read("hour", kNoon + 30s);
  EXPECT_EQ(total->spent, Dollars(1));
  EXPECT_EQ(total->last_5_minutes, Dollars(3));
  EXPECT_EQ(total->last_hour, Dollars(11));
  EXPECT_EQ(ledger_->Read("hour", kNoon + 30min)->last_hour, Dollars(3));
  EXPECT_EQ(ledger_->Read("hour", kNoon + 2h)->last_hour, Amounts());
}

TEST_F(LedgerTest, WhatCannotBeWrittenCountsProvisionallyOnce) {
  ASSERT_TRUE(ledger_->Track("x", Whole()).ok());
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 1)})).ok());
  changed_.clear();
  store_.fail = [] { return Error(ErrorCode::kUnavailable, "full"); };
  EXPECT_EQ(ledger_->Commit(BatchOf({Spend("a", kNoon, 2)})).error().code(),
            ErrorCode::kUnavailable);
  EXPECT_EQ(Spent("x"), Dollars(3));
  EXPECT_THAT(changed_, ElementsAre(ElementsAre("x")));
  EXPECT_EQ(ledger_->Track("y", Whole()).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(ledger_->Sum(Whole()).error().code(), ErrorCode::kUnavailable);
  // The same spend read again, and more.
  EXPECT_FALSE(ledger_->Commit(BatchOf({Spend("a", kNoon, 2), Spend("b", kNoon, 4)})).ok());
  EXPECT_EQ(Spent("x"), Dollars(7));
  store_.fail = nullptr;
  ASSERT_TRUE(ledger_->Track("y", Whole()).ok());
  EXPECT_EQ(Spent("y"), Dollars(7));
  ASSERT_TRUE(
      ledger_->Commit(BatchOf({Spend("a", kNoon, 2), Spend("b", kNoon, 4), Spend("a", kNoon, 8)}))
          .ok());
  for (const char* id : {"x", "y"}) EXPECT_EQ(Spent(id), Dollars(15)) << id;
  EXPECT_EQ(*ledger_->Sum(Whole()), Dollars(15));
  EXPECT_EQ(ledger_->Read("x", kNoon)->last_hour, Dollars(15));
}

TEST_F(LedgerTest, AFencedCommitChangesNothing) {
  ASSERT_TRUE(ledger_->Track("x", Whole()).ok());
  support::MemoryStore successor(
      std::shared_ptr<support::MemoryDatabase>(&store_.database(), [](auto*) {}));
  ASSERT_TRUE(successor.TakeOver().ok());
  EXPECT_EQ(ledger_->Commit(BatchOf({Spend("a", kNoon, 1)})).error().code(), ErrorCode::kFenced);
  EXPECT_EQ(Spent("x"), Amounts());
  EXPECT_THAT(changed_, IsEmpty());
}

TEST_F(LedgerTest, TrackFailsWhenOnlyTheMinutesCannotBeRead) {
  int calls = 0;
  store_.fail = [&calls]() -> Status {
    if (++calls == 2) return Error(ErrorCode::kUnavailable, "gone");
    return Ok();
  };
  EXPECT_FALSE(ledger_->Track("x", Whole()).ok());
}

TEST_F(LedgerTest, RefusesWhatBreaksTheRules) {
  auto foreign = BatchOf({Spend("a", kNoon, 1)});
  foreign.increments[0].key.source = "other";
  auto unnamed = BatchOf({});
  unnamed.source.clear();
  for (const Batch& batch : {
           foreign,
           unnamed,
           BatchOf({Spend("a", kNoon, 0)}),
           BatchOf({Spend("a", kNoon, -1)}),
           BatchOf({Spend("a", Timestamp(-1ms), 1)}),
           BatchOf({Spend(std::string(257, 'x'), kNoon, 1)}),
           BatchOf({Spend("a", kNoon, 1, std::string(257, 'x'))}),
           BatchOf({Spend("a", kNoon, 1, "ns", std::string(257, 'x'))}),
       }) {
    EXPECT_EQ(ledger_->Commit(batch).error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(ledger_->Commit(BatchOf({Spend(std::string(256, 'x'), kNoon, 1)})).ok());
}

TEST_F(LedgerTest, SumsClosedWindowsFromTheStore) {
  ASSERT_TRUE(
      ledger_->Commit(BatchOf({Spend("a", kNoon - 24h, 5), Spend("b", kNoon - 24h, 6)})).ok());
  EXPECT_EQ(*ledger_->Sum(Whole(kMidnight - 24h, kMidnight)), Dollars(11));
  EXPECT_EQ(*ledger_->Sum(Of({"b"}, kMidnight - 24h, kMidnight)), Dollars(6));
  EXPECT_EQ(*ledger_->Sum(Whole()), Amounts());
}

TEST_F(LedgerTest, TellsHealthOnlyWhenReadersWouldSeeADifference) {
  EXPECT_EQ(ledger_->Health("default").state, SourceHealth::State::kNeverRead);
  SourceHealth health;
  health.state = SourceHealth::State::kHealthy;
  health.last_read = kNoon;
  ledger_->SetHealth("default", health);
  EXPECT_THAT(health_, ElementsAre("default"));
  health.last_read = kNoon + 15s;
  ledger_->SetHealth("default", health);
  EXPECT_EQ(health_.size(), 1u);
  EXPECT_EQ(ledger_->Health("default").last_read, kNoon + 15s);
  health.gap = Gap{kNoon, "something is missing"};
  ledger_->SetHealth("default", health);
  EXPECT_EQ(health_.size(), 2u);
  health.state = SourceHealth::State::kLost;
  ledger_->SetHealth("default", health);
  health.reason = "QueryFailed";
  ledger_->SetHealth("default", health);
  health.message = "look";
  ledger_->SetHealth("default", health);
  EXPECT_EQ(health_.size(), 5u);
}

TEST_F(LedgerTest, ListenersMayCallTheLedger) {
  ASSERT_TRUE(ledger_->Track("x", Whole()).ok());
  Amounts seen;
  ledger_->OnChange([&](const std::vector<std::string>& ids) {
    seen = ledger_->Read(ids[0], kNoon)->spent;
    EXPECT_TRUE(ledger_->Track("y", Whole()).ok());
    SourceHealth health;
    health.state = SourceHealth::State::kHealthy;
    ledger_->SetHealth("default", health);
  });
  ledger_->OnHealth([&](const std::string& source) { (void)ledger_->Health(source); });
  ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 9)})).ok());
  EXPECT_EQ(seen, Dollars(9));
}

TEST_F(LedgerTest, TrackDuringCommitsCountsEachCommitOnce) {
  constexpr int kCommits = 300;
  std::jthread writer([&] {
    for (int i = 0; i < kCommits; ++i)
      ASSERT_TRUE(ledger_->Commit(BatchOf({Spend("a", kNoon, 1)})).ok());
  });
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(ledger_->Track(std::to_string(i), Whole()).ok());
  writer.join();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Spent(std::to_string(i)), Dollars(kCommits));
}

}  // namespace
}  // namespace purser::ledger
