// A source with a counter and records: what counts is never below the better of both, and never
// their sum.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/sqlite/sqlite_store.h"
#include "support/clocks.h"
#include "unit/ledger/temporary_file.h"

namespace purser::ledger {
namespace {

using std::chrono::minutes;
const Timestamp kNow(std::chrono::hours(500'000));
const std::vector<std::string> kAgents{"a", "b", "c", "d"};

class TwoMetersTest : public testing::Test {
 protected:
  void Open(Counts counts = Counts::kHigher) {
    ledger_.reset();
    auto store = OpenSqliteStore(folder_.File());
    ASSERT_TRUE(store.ok()) << store.error().message();
    ASSERT_TRUE((*store)->TakeOver().ok());
    ledger_ = MakeLedger(std::move(*store), clock_);
    ledger_->Pair("default", counts);
    ASSERT_TRUE(ledger_->Track("row", coverage_).ok());
  }
  void Book(const std::string& source, const std::string& agent, std::int64_t nanos,
            Timestamp at = kNow) {
    Batch batch;
    batch.source = source;
    batch.increments.push_back(
        {{source, "agents", agent, source == "default" ? "" : "gpt-5", "", ""},
         at,
         {.cost = Money::FromNanos(nanos), .calls = source == "default" ? 0 : 1}});
    ASSERT_TRUE(ledger_->Commit(std::move(batch)).ok());
  }
  void Meter(const std::string& agent, std::int64_t nanos, Timestamp at = kNow) {
    Book("default", agent, nanos, at);
  }
  void Record(const std::string& agent, std::int64_t nanos, Timestamp at = kNow) {
    Book(RecordsOf("default"), agent, nanos, at);
  }
  Total Read() const { return *ledger_->Read("row", kNow); }
  std::int64_t Spent() const { return Read().spent.cost.nanos(); }

  TemporaryFolder folder_;
  support::FakeClock clock_{kNow};
  Coverage coverage_{.source = "default",
                     .ns = "agents",
                     .agents = kAgents,
                     .start = kNow - minutes(60),
                     .end = kNow + minutes(60)};
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(TwoMetersTest, TheHigherOfBothForEachAgent) {
  Open();
  Record("a", 10);
  EXPECT_EQ(Spent(), 10);
  Meter("a", 10);
  EXPECT_EQ(Spent(), 10) << "the same call";
  Meter("a", 5);
  EXPECT_EQ(Spent(), 15) << "a record that never came";
  Record("b", 7);
  EXPECT_EQ(Spent(), 22) << "an agent that the counter does not see";
  Meter("c", 4);
  EXPECT_EQ(Spent(), 26) << "one that sends no records";
  const auto total = Read();
  EXPECT_EQ(total.both->meter.cost, Money::FromNanos(19));
  EXPECT_EQ(total.both->records.cost, Money::FromNanos(17));
  EXPECT_EQ(total.both->higher.cost, Money::FromNanos(26));
  EXPECT_EQ(total.spent.calls, 2) << "of which only records know";
  EXPECT_EQ(total.last_hour.cost, Money::FromNanos(19)) << "a rate, by the higher sum";
  const auto agents = ledger_->Agents("row", 10);
  ASSERT_EQ(agents.count, 3U);
  EXPECT_EQ(agents.dearest[0].agent, "a");
  EXPECT_EQ(agents.dearest[0].spent.cost, Money::FromNanos(15));
  EXPECT_EQ(ledger_->Sum(coverage_)->cost, Money::FromNanos(26));
}

TEST_F(TwoMetersTest, WhatCountsIsAsTheConfigurationSays) {
  Open(Counts::kMeter);
  Record("a", 10);
  EXPECT_EQ(Spent(), 0);
  Meter("a", 4);
  EXPECT_EQ(Spent(), 4);
  EXPECT_EQ(Read().both->records.cost, Money::FromNanos(10));
  Open(Counts::kRecords);
  EXPECT_EQ(Spent(), 10);
  Meter("a", 60);
  EXPECT_EQ(Spent(), 10);
}

TEST_F(TwoMetersTest, AnotherSourceHasOneMeter) {
  Open();
  Book("other", "a", 5);
  Coverage other = coverage_;
  other.source = "other";
  ASSERT_TRUE(ledger_->Track("other", other).ok());
  EXPECT_EQ(ledger_->Read("other", kNow)->spent.cost, Money::FromNanos(5));
  EXPECT_FALSE(ledger_->Read("other", kNow)->both);
  EXPECT_EQ(Spent(), 0);
}

// Calls at random, of which each meter loses some and tells some late; the process begins anew now
// and then, and budgets come when much is booked.
TEST_F(TwoMetersTest, NeverBelowTheBetterOneAndNeverTheSum) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    const std::string before = "spent-" + std::to_string(seed);
    for (auto& agent : coverage_.agents) agent = before + agent.substr(agent.size() - 1);
    std::sort(coverage_.agents.begin(), coverage_.agents.end());
    Open();
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> told;
    const int lost_records = static_cast<int>(random() % 60);
    const int lost_counts = static_cast<int>(random() % 60);
    std::vector<std::pair<std::string, std::int64_t>> late;
    for (int call = 0; call < 120; ++call) {
      const auto& agent = coverage_.agents[random() % coverage_.agents.size()];
      const auto nanos = static_cast<std::int64_t>(random() % 1000 + 1);
      const auto at = kNow - minutes(random() % 60);
      if (!chance(lost_records)) {
        Record(agent, nanos, at);
        told[agent].second += nanos;
      }
      if (!chance(lost_counts)) {
        if (chance(30)) {
          late.emplace_back(agent, nanos);
        } else {
          Meter(agent, nanos, at);
          told[agent].first += nanos;
        }
      }
      while (!late.empty() && chance(20)) {
        Meter(late.back().first, late.back().second);
        told[late.back().first].first += late.back().second;
        late.pop_back();
      }
      if (chance(5)) Open();
      std::int64_t meter = 0;
      std::int64_t records = 0;
      std::int64_t want = 0;
      for (const auto& [name, both] : told) {
        meter += both.first;
        records += both.second;
        want += std::max(both.first, both.second);
      }
      ASSERT_EQ(Spent(), want) << call;
      ASSERT_GE(Spent(), std::max(meter, records));
      ASSERT_LE(Spent(), meter + records);
      ASSERT_EQ(Read().both->meter.cost.nanos(), meter);
      ASSERT_EQ(Read().both->records.cost.nanos(), records);
    }
    ASSERT_EQ(ledger_->Sum(coverage_)->cost.nanos(), Spent());
  }
}

}  // namespace
}  // namespace purser::ledger
