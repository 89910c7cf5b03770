// What rows hold: known to every next life, of every store.
#include "ledger/hold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "support/clocks.h"
#include "support/memory_store.h"
#include "unit/ledger/every_store.h"

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Timestamp kNow{1'800'000'000s};

class HoldStoreTest : public EveryStoreTest {};
INSTANTIATE_TEST_SUITE_P(Stores, HoldStoreTest, ::testing::ValuesIn(EveryStore()), NameOfKind);

TEST_P(HoldStoreTest, KeepsTheLastOfEachRow) {
  const RowHold other{"agents/b/writer", "u/1", {"80"}, kNow};
  ASSERT_TRUE(store_->WriteHolds({{"agents/b", "u/1", {"100"}, kNow - 1h}, other}).ok());
  const RowHold last{"agents/b", "u/2", {"80", "burn one"}, kNow};
  ASSERT_TRUE(store_->WriteHolds({last}).ok());
  store_ = database_->Open();
  EXPECT_THAT(*store_->HoldsKnown(), UnorderedElementsAre(last, other));
  EXPECT_EQ(store_->WriteHolds({last}).error().code(), ErrorCode::kFenced);
  ASSERT_TRUE(store_->TakeOver().ok());
  ASSERT_TRUE(store_->WriteHolds({{"agents/b", "", {}, kNow}, {"agents/c", "", {}, kNow}}).ok());
  EXPECT_THAT(*store_->HoldsKnown(), ElementsAre(other));
}

class LedgerHoldsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> Open() {
    auto store = std::make_unique<support::MemoryStore>(database_);
    store->fail = [this] { return failing_ ? Status(Error(ErrorCode::kUnavailable, "")) : Ok(); };
    EXPECT_TRUE(store->TakeOver().ok());
    return MakeLedger(std::move(store), clock_);
  }

  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
  support::FakeClock clock_{kNow};
  bool failing_ = false;
};

TEST_F(LedgerHoldsTest, AreRememberedByTheNextLifeUnderTheSameSpec) {
  Open()->KeepHolds({{"agents/b", "u/1", {"100", "80"}}, {"agents/c", "u/1", {"80"}}});
  auto ledger = Open();
  EXPECT_THAT(*ledger->Holds("agents/b", "u/1"), ElementsAre("100", "80"));
  EXPECT_THAT(*ledger->Holds("agents/b", "u/2"), IsEmpty()) << "of another spec";
  EXPECT_THAT(*ledger->Holds("agents/d", "u/1"), IsEmpty());
  ledger->KeepHolds({{"agents/b", "u/1", {}}});
  EXPECT_THAT(*ledger->Holds("agents/b", "u/1"), IsEmpty());
  EXPECT_THAT(*Open()->Holds("agents/b", "u/1"), IsEmpty());
  EXPECT_THAT(*Open()->Holds("agents/c", "u/1"), ElementsAre("80"));
}

TEST_F(LedgerHoldsTest, WhatCannotBeWrittenIsKnownAndWrittenLater) {
  auto ledger = Open();
  EXPECT_THAT(*ledger->Holds("agents/b", "u/1"), IsEmpty());
  failing_ = true;
  ledger->KeepHolds({{"agents/b", "u/1", {"80"}}});
  EXPECT_THAT(*ledger->Holds("agents/b", "u/1"), ElementsAre("80"));
  EXPECT_TRUE(database_->holds.empty());
  failing_ = false;
  ledger->KeepHolds({{"agents/c", "u/1", {"80"}}});
  EXPECT_EQ(database_->holds.size(), 2u);
}

TEST_F(LedgerHoldsTest, WhatCannotBeReadIsToldAndReadLater) {
  Open()->KeepHolds({{"agents/b", "u/1", {"80"}}, {"agents/c", "u/1", {"80"}}});
  auto ledger = Open();
  failing_ = true;
  EXPECT_FALSE(ledger->Holds("agents/b", "u/1").ok());
  ledger->KeepHolds({{"agents/c", "u/1", {}}});
  failing_ = false;
  EXPECT_THAT(*ledger->Holds("agents/b", "u/1"), ElementsAre("80"));
  EXPECT_THAT(*ledger->Holds("agents/c", "u/1"), IsEmpty()) << "what came later";
}

}  // namespace
}  // namespace purser::ledger
