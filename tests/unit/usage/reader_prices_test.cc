// A meter of tokens without a cost, from the answer to the ledger: nested kinds are priced once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/clocks.h"
#include "support/fake_prometheus.h"
#include "support/memory_store.h"
#include "usage/pricing/price_book.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Timestamp kNoon{1'800'014'400s};

class ReaderPricesTest : public ::testing::Test {
 protected:
  ReaderPricesTest() {
    source_.name = "default";
    source_.prometheus.url = "http://prometheus:9090";
    source_.prometheus.preset = api::Preset::kEnvoyAiGateway;
    source_.prometheus.backfill = 0ms;
    store_ = std::make_unique<support::MemoryStore>(database_);
    EXPECT_TRUE(store_->TakeOver().ok());
    ledger_ = ledger::MakeLedger(std::make_unique<support::BorrowedStore>(*store_), clock_);
    reader_ =
        std::make_unique<PrometheusReader>(source_, prometheus_, *ledger_, *store_, clock_, &book_);
  }

  // A counter that shows nothing at noon and so many tokens 15 seconds later.
  void Spend(const std::string& model, const std::string& type, std::int64_t tokens) {
    const std::string labels =
        R"({"__name__":"gen_ai_client_token_usage_sum","gen_ai_request_model":")" + model +
        R"(","gen_ai_token_type":")" + type +
        R"(","instance":"gateway:1064","x_agent":"researcher","x_agent_namespace":"agents"})";
    prometheus_.Add(labels, kNoon, Money());
    prometheus_.Add(labels, kNoon + 15s, Money::FromNanos(tokens * Money::kNanosPerDollar));
  }

  void Read() {
    for (int i = 0; i < 4; ++i) {
      const auto outcome = reader_->Read(15s, {});
      ASSERT_FALSE(outcome.problem) << outcome.problem->message;
      clock_.Advance(15s);
    }
  }

  Amounts Total() {
    Amounts sum;
    for (const auto& [key, minutes] : database_->minutes)
      for (const auto& [minute, amounts] : minutes) sum += amounts;
    return sum;
  }

  api::SourceConfig source_;
  support::FakeClock clock_{kNoon};
  support::FakePrometheus prometheus_;
  pricing::PriceBook book_{{}};
  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
  std::unique_ptr<support::MemoryStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<PrometheusReader> reader_;
};

TEST_F(ReaderPricesTest, EachTokenIsPricedOnceAtThePriceOfItsKind) {
  Spend("global.anthropic.claude-sonnet-4-6-v1:0", "input", 1000);
  Spend("global.anthropic.claude-sonnet-4-6-v1:0", "cached_input", 400);
  Spend("global.anthropic.claude-sonnet-4-6-v1:0", "cache_creation_input", 100);
  Spend("global.anthropic.claude-sonnet-4-6-v1:0", "output", 200);
  Spend("global.anthropic.claude-sonnet-4-6-v1:0", "total", 1200);
  Read();
  const auto total = Total();
  EXPECT_EQ(total.input_tokens, 1000);
  EXPECT_EQ(total.cached_tokens, 400);
  EXPECT_EQ(total.output_tokens, 200);
  // 500 x 3 + 400 x 0.3 + 100 x 3.75 + 200 x 15 micro-dollars
  EXPECT_EQ(total.cost.nanos(), 4'995'000);
  EXPECT_EQ(total.estimated.nanos(), 0);
  EXPECT_TRUE(reader_->Report()->findings.empty());
}

TEST_F(ReaderPricesTest, AModelThatNobodyPricedIsEstimatedAndTold) {
  Spend("acme-1", "input", 1000);
  Read();
  EXPECT_EQ(Total().cost.nanos(), 15'000'000);
  EXPECT_EQ(Total().estimated.nanos(), 15'000'000);
  const auto report = reader_->Report();
  const auto& findings = report->findings;
  ASSERT_TRUE(findings.contains({"agents", "researcher"}));
  const auto& finding = findings.at({"agents", "researcher"}).front();
  EXPECT_EQ(finding.reason, "Unpriced");
  EXPECT_THAT(finding.message, HasSubstr("model \"acme-1\" has no price"));
  EXPECT_FALSE(finding.lost);
}

TEST_F(ReaderPricesTest, AChangeOfPricesIsInTheJournalOnce) {
  const auto changes = [&] {
    std::vector<ledger::JournalEntry> found;
    for (const auto& entry : database_->journal) {
      if (entry.kind == ledger::JournalKind::kPrices) found.push_back(entry);
    }
    return found;
  };
  Spend("gpt-4o", "input", 1000);
  Read();
  ASSERT_EQ(changes().size(), 1u);
  EXPECT_EQ(changes()[0].from, "");
  EXPECT_EQ(changes()[0].to, book_.Current()->version());

  // Another process, with the same prices; then one with an estimate for models without any.
  reader_ =
      std::make_unique<PrometheusReader>(source_, prometheus_, *ledger_, *store_, clock_, &book_);
  Read();
  EXPECT_EQ(changes().size(), 1u);
  pricing::PriceBook estimating(
      {.file = "",
       .unknown_model = api::UnknownModelPrice{Money::FromNanos(20'000'000'000),
                                               Money::FromNanos(80'000'000'000)}});
  reader_ = std::make_unique<PrometheusReader>(source_, prometheus_, *ledger_, *store_, clock_,
                                               &estimating);
  store_->fail = [] { return Error(ErrorCode::kUnavailable, "full"); };
  (void)reader_->Read(15s, {});
  store_->fail = nullptr;
  Read();
  ASSERT_EQ(changes().size(), 2u);
  EXPECT_EQ(changes()[1].from, book_.Current()->version());
  EXPECT_EQ(changes()[1].to, book_.Current()->version() + "~20/80");
}

}  // namespace
}  // namespace purser::usage
