#include "ledger/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "ledger/store.h"
#include "support/clocks.h"
#include "support/memory_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Timestamp kTen{1'800'000'000s};  // a whole minute
constexpr std::int64_t kMinute = MinuteOf(kTen);

class MembershipsTest : public ::testing::Test {
 protected:
  void Tell(Duration after, const std::string& pool, const std::vector<Member>& agents) {
    members_.Apply(members_.Changes({{"ns", pool, agents}}, Told::kThese, kTen + after),
                   kTen + after);
  }
  std::vector<Membership> Of(const std::string& pool) const { return members_.Of("ns", pool); }
  Memberships members_;
};

Membership One(const std::string& agent, const std::string& pool, std::int64_t since,
               std::int64_t until) {
  return {"ns", agent, pool, since, until};
}

TEST_F(MembershipsTest, WhoWasNeverSeenWasAlwaysThere) {
  Tell(0s, "a", {"x", "y"});
  EXPECT_THAT(Of("a"), ElementsAre(One("x", "a", kEver, kStill), One("y", "a", kEver, kStill)));
  EXPECT_THAT(members_.Changes({{"ns", "a", {"y", "x"}}}, Told::kThese, kTen + 1h), IsEmpty());
}

TEST_F(MembershipsTest, ARenameEndsTheOneAndBeginsTheOther) {
  Tell(0s, "a", {"x"});
  Tell(90s, "a", {"z"});
  EXPECT_THAT(Of("a"),
              ElementsAre(One("x", "a", kEver, kMinute + 2), One("z", "a", kEver, kStill)));
}

TEST_F(MembershipsTest, WhoMovesBeginsWhereHeEnded) {
  Tell(0s, "a", {"x"});
  Tell(90s, "a", {});
  Tell(1h, "b", {"x"});
  EXPECT_THAT(Of("a"), ElementsAre(One("x", "a", kEver, kMinute + 2)));
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kMinute + 2, kStill)));
}

TEST_F(MembershipsTest, WhoIsAMemberElsewhereStillBeginsNow) {
  Tell(0s, "a", {"x"});
  Tell(90s, "b", {"x"});
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kMinute + 2, kStill)));
  Tell(10min, "a", {});
  EXPECT_THAT(Of("a"), ElementsAre(One("x", "a", kEver, kMinute + 10)));
}

TEST_F(MembershipsTest, TwoPoolsThatAreMadeTogetherClaimTheSame) {
  Tell(0s, "a", {"x", "y"});
  Tell(1s, "b", {"x"});
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kEver, kStill)));
  Tell(90s, "c", {"y"});
  EXPECT_THAT(Of("c"), ElementsAre(One("y", "c", kMinute + 2, kStill)));
}

TEST_F(MembershipsTest, WhoMovesSoonAfterHeCameTakesNothingAlong) {
  Tell(0s, "a", {"x"});
  members_.Apply(members_.Changes({{"ns", "b", {"x"}}, {"ns", "a", {}}}, Told::kThese, kTen + 1s),
                 kTen + 1s);
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kMinute + 1, kStill)));
}

TEST_F(MembershipsTest, WhoComesBackGoesOn) {
  for (int i = 0; i < 1000; ++i) {
    Tell(i * 2min, "a", {"x"});
    Tell(i * 2min + 1min, "a", {});
  }
  Tell(100h, "a", {"x"});
  EXPECT_THAT(Of("a"), ElementsAre(One("x", "a", kEver, kStill)));
}

TEST_F(MembershipsTest, AllWithinAMinuteIsNoTime) {
  Tell(0s, "a", {"x"});
  Tell(61s, "a", {});
  Tell(62s, "b", {"x"});
  Tell(63s, "b", {});
  Tell(64s, "a", {"x"});
  EXPECT_THAT(Of("a"), ElementsAre(One("x", "a", kEver, kStill)));
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kMinute + 2, kMinute + 2)));
}

TEST_F(MembershipsTest, AClockThatIsSetBackEndsNothingBeforeItBegan) {
  Tell(0s, "a", {"x"});
  Tell(1h, "b", {"x"});
  Tell(-1h, "b", {});
  EXPECT_THAT(Of("b"), ElementsAre(One("x", "b", kMinute + 60, kMinute + 60)));
}

TEST_F(MembershipsTest, WhatIsNotUnderstoodChangesNothing) {
  Tell(0s, "a", {"x"});
  EXPECT_THAT(members_.Changes({{"ns", "a", {}, false}}, Told::kAll, kTen + 1h), IsEmpty());
  EXPECT_THAT(members_.Changes({}, Told::kThese, kTen + 1h), IsEmpty());
  EXPECT_THAT(members_.Changes({}, Told::kAll, kTen + 1h),
              ElementsAre(One("x", "a", kEver, kMinute + 60)));
}

TEST_F(MembershipsTest, ThoseThatEndedFirstAreDroppedWhenThereAreTooMany) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < kMostEnded + 100; ++i) {
    const auto changes = members_.Changes({{"ns", "a", {"x" + std::to_string(i)}}}, Told::kThese,
                                          kTen + static_cast<int>(i) * 1min);
    for (const auto& one : members_.Apply(changes)) {
      EXPECT_EQ(one.agent, "x" + std::to_string(dropped));
      ++dropped;
    }
  }
  EXPECT_GE(dropped, 99u);
  EXPECT_EQ(Of("a").size(), kMostEnded + 100 - dropped);
}

TEST_F(MembershipsTest, TheLastWorkloadIsKeptAndClaimsNothing) {
  const auto tell = [&](Duration after, const std::string& pool, const std::vector<Member>& who) {
    const auto changes = members_.Changes({{"ns", pool, who}}, Told::kThese, kTen + after);
    members_.Apply(changes, kTen + after);
    return changes;
  };
  tell(0s, "a", {"x"});  // of a ledger that knows no workloads
  EXPECT_THAT(tell(1h, "a", {{"x", "Deployment.apps/w"}}),
              ElementsAre(Membership{"ns", "x", "a", kEver, kStill, "Deployment.apps/w"}));
  EXPECT_THAT(tell(1h, "a", {"x"}), IsEmpty()) << "what is not known takes nothing";
  // Only who comes claims what somebody else claims in the same minute.
  EXPECT_THAT(tell(1h, "b", {{"x", "Deployment.apps/w"}}),
              ElementsAre(Membership{"ns", "x", "b", kMinute + 60, kStill, "Deployment.apps/w"}));
  tell(2h, "a", {});
  EXPECT_THAT(Of("a"),
              ElementsAre(Membership{"ns", "x", "a", kEver, kMinute + 120, "Deployment.apps/w"}));
}

class LedgerMembersTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> Open() {
    auto store = std::make_unique<support::MemoryStore>(database_);
    store->fail = [this] { return failing_ ? Status(Error(ErrorCode::kUnavailable, "")) : Ok(); };
    EXPECT_TRUE(store->TakeOver().ok());
    return MakeLedger(std::move(store), clock_);
  }
  void Spend(Ledger& ledger, const std::string& agent, std::int64_t nanos) {
    Batch batch;
    batch.source = "default";
    batch.increments = {
        {{"default", "ns", agent, "", "", ""}, clock_.Now(), CostOf(Money::FromNanos(nanos))}};
    ASSERT_TRUE(ledger.Commit(std::move(batch)).ok());
  }

  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
  support::FakeClock clock_{kTen};
  bool failing_ = false;
};

TEST_F(LedgerMembersTest, IsRememberedByTheNextLife) {
  auto ledger = Open();
  ASSERT_TRUE(ledger->SetMembers({{"ns", "a", {"x"}}}).ok());
  clock_.Advance(1min);
  ASSERT_TRUE(ledger->SetMembers({{"ns", "a", {}}}).ok());
  ledger = Open();
  EXPECT_THAT(ledger->Members("ns", "a"), IsEmpty());  // not asked for yet
  clock_.Advance(1h);
  ASSERT_TRUE(ledger->SetMembers({{"ns", "b", {"x"}}}).ok());
  EXPECT_THAT(ledger->Members("ns", "a"), ElementsAre(One("x", "a", kEver, kMinute + 1)));
  EXPECT_THAT(ledger->Members("ns", "b"), ElementsAre(One("x", "b", kMinute + 1, kStill)));
}

TEST_F(LedgerMembersTest, WhatCannotBeWrittenCountsAndIsWrittenLater) {
  auto ledger = Open();
  ASSERT_TRUE(ledger->SetMembers({{"ns", "a", {"x"}}}).ok());
  failing_ = true;
  clock_.Advance(1min);
  ASSERT_TRUE(ledger->SetMembers({{"ns", "a", {}}}).ok());
  EXPECT_THAT(ledger->Members("ns", "a"), ElementsAre(One("x", "a", kEver, kMinute + 1)));
  EXPECT_EQ(database_->memberships.front().until, kStill);
  failing_ = false;
  ASSERT_TRUE(ledger->SetMembers({{"ns", "a", {}}}).ok());
  EXPECT_EQ(database_->memberships.front().until, kMinute + 1);
}

TEST_F(LedgerMembersTest, ASpanCountsOnlyItsMinutes) {
  const auto ledger = Open();
  Coverage coverage{"default", "ns", false, {"w"}, kTen, kTen + 24h};
  coverage.spans = {{"x", kMinute, kMinute + 2}, {"x", kMinute + 4, kMinute + 5}};
  ASSERT_TRUE(ledger->Track("b", coverage).ok());
  for (int i = 0; i < 6; ++i) {
    Spend(*ledger, "x", std::int64_t{1} << i);
    Spend(*ledger, "w", 100);
    clock_.Advance(1min);
  }
  const auto now = clock_.Now();
  const auto tracked = ledger->Read("b", now);
  EXPECT_EQ(tracked->spent.cost.nanos(), 600 + 1 + 2 + 16);
  EXPECT_EQ(tracked->last_hour.cost.nanos(), 600 + 1 + 2 + 16);
  EXPECT_EQ(ledger->Sum(coverage)->cost.nanos(), 600 + 1 + 2 + 16);
  ASSERT_TRUE(ledger->Track("c", coverage).ok());  // from the store
  EXPECT_EQ(ledger->Read("c", now)->last_hour.cost.nanos(), 600 + 1 + 2 + 16);
  ledger->Untrack("b");
  ledger->Untrack("c");
  Spend(*ledger, "x", 1);
}

}  // namespace
}  // namespace purser::ledger
