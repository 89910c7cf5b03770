#include "controllers/agent_pool/spend_after_stop.h"

#include <gtest/gtest.h>

#include "support/clocks.h"
#include "support/memory_store.h"

namespace purser::controllers {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kStop = Timestamp(seconds(1'800'000'000));  // on a whole minute
const kube::ObjectKey kPool{"agents", "research"};

ledger::Batch Spent(const std::string& agent, Timestamp at, std::int64_t cents) {
  ledger::Increment increment{{"default", "agents", agent, "m", "", ""},
                              at,
                              CostOf(Money::FromNanos(cents * Money::kNanosPerDollar / 100))};
  return {"default", {increment}, {}, {}, {}, {}, {}, {}};
}

class SpendAfterStopTest : public testing::Test {
 protected:
  SpendAfterStopTest() {
    EXPECT_TRUE(store_.TakeOver().ok());
    ledger_ = ledger::MakeLedger(std::make_unique<support::BorrowedStore>(store_), clock_);
    ledger_->OnChange([this](const std::vector<std::string>& ids) {
      for (const auto& id : ids) changed_.push_back(SpendAfterStop::PoolOf(id));
    });
  }

  support::MemoryStore store_;
  support::FakeClock clock_{kStop};
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<std::optional<kube::ObjectKey>> changed_;
};

TEST_F(SpendAfterStopTest, WhatIsSpentLaterThanTheLastPodMayIsTold) {
  SpendAfterStop after(*ledger_);
  const std::vector<StoppedAgent> agents = {{"one", "default", kStop}, {"two", "default", kStop}};
  const auto now = kStop + minutes(10);
  ASSERT_TRUE(ledger_->Commit(Spent("one", kStop - seconds(1), 100)).ok());
  ASSERT_TRUE(ledger_->Commit(Spent("one", kStop + seconds(30), 100)).ok());
  EXPECT_TRUE(after.Look(kPool, agents, now).empty()) << "in time";

  ASSERT_TRUE(ledger_->Commit(Spent("one", kStop + minutes(2), 120)).ok());
  EXPECT_EQ(changed_, (std::vector<std::optional<kube::ObjectKey>>{kPool})) << "the pool hears";
  const auto spent = after.Look(kPool, agents, now);
  ASSERT_EQ(spent.size(), 1U);
  EXPECT_EQ(spent[0].agent, "one");
  EXPECT_EQ(spent[0].spent.cost.ToDollars(), "$1.20");

  EXPECT_TRUE(after.Look(kPool, {}, now).empty());
  changed_.clear();
  ASSERT_TRUE(ledger_->Commit(Spent("one", kStop + minutes(3), 100)).ok());
  EXPECT_TRUE(changed_.empty()) << "nobody looks any more";
}

TEST(EndOfStop, IsWhenTheLastPodEndsButNotForEverAfterTheStop) {
  EXPECT_EQ(EndOfStop(kStop, true, kStop + seconds(5)), kStop + seconds(5));
  EXPECT_EQ(EndOfStop(kStop, false, kStop + seconds(59)), std::nullopt);
  EXPECT_EQ(EndOfStop(kStop, false, kStop + minutes(30)), kStop + kGraceAfterStop);
  EXPECT_EQ(EndOfStop(kStop, true, kStop + minutes(30)), kStop + kGraceAfterStop)
      << "found ended after a restart";
}

TEST_F(SpendAfterStopTest, ABudgetsIdIsNotAPools) {
  EXPECT_EQ(SpendAfterStop::PoolOf("agents/daily"), std::nullopt);
}

}  // namespace
}  // namespace purser::controllers
