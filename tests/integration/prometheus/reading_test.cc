// What an exporter says, scraped by a real Prometheus, arrives in the ledger to the nano-dollar.
#include <gtest/gtest.h>

#include "reading.h"
#include "support/prometheus.h"

namespace purser {
namespace {

using namespace std::chrono_literals;
using State = ledger::SourceHealth::State;

support::PrometheusOptions Scraping(const Spending& spending) {
  support::PrometheusOptions options;
  options.scrape_interval = 500ms;
  options.targets = {spending.address()};
  return options;
}

class ReadingTest : public ::testing::Test {
 protected:
  ReadingTest() : prometheus_(Scraping(spending_)) { Restart(); }

  void TearDown() override {
    if (HasFailure()) std::fputs(prometheus_.LogTail().c_str(), stderr);
  }

  void Restart() {
    reading_.reset();
    reading_ = std::make_unique<Reading>(SourceAt(prometheus_.url()), folder_.path());
  }

  void ExpectAllBooked() {
    EXPECT_TRUE(reading_->Eventually([&] { return reading_->Total() == spending_.Total(); }))
        << "booked " << reading_->Total().ToDecimal() << " of " << spending_.Total().ToDecimal()
        << ": " << reading_->ledger().Health("default").message;
  }

  Spending spending_;
  support::Prometheus prometheus_;
  TemporaryFolder folder_;
  std::unique_ptr<Reading> reading_;
};

TEST_F(ReadingTest, BooksExactlyWhatWasSpent) {
  EXPECT_TRUE(reading_->EventuallyHealth(State::kNeverRead, "NoSeries"));
  spending_.Add("a", "1", "0.1");
  spending_.Add("a", "2", "0.000000001");
  spending_.Add("b", "1", "1234567.891");
  ExpectAllBooked();
  EXPECT_TRUE(reading_->EventuallyHealth(State::kHealthy, ""));
  for (int i = 0; i < 10; ++i) spending_.Add("a", "1", "0.1");
  ExpectAllBooked();
  // A container restarts, another pod comes, one goes.
  spending_.Restart("a", "1");
  spending_.Add("a", "1", "0.3");
  spending_.Add("c", "9", "7");
  spending_.Remove("a", "2");
  ExpectAllBooked();
  const auto figures = reading_->poller().Figures();
  EXPECT_EQ(figures.resets, 1u);
  EXPECT_EQ(figures.errors, 0u);
  EXPECT_GE(figures.series, 3);
}

TEST_F(ReadingTest, RestartsOfTheOperatorBookNothingTwice) {
  for (int round = 0; round < 4; ++round) {
    spending_.Add("a", "1", "0.25");
    ExpectAllBooked();
    reading_.reset();
    spending_.Add("a", "1", "0.5");
    spending_.Add("b", std::to_string(round), "2");
    Restart();
    ExpectAllBooked();
  }
  EXPECT_EQ(reading_->Total(), *Money::ParseLimit("11"));
}

TEST_F(ReadingTest, TotalsInMemoryFollow) {
  const auto now = SystemClock().Now();
  ASSERT_TRUE(
      reading_->ledger().Track("x", {"default", "agents", false, {"a"}, now - 1h, now + 1h}).ok());
  spending_.Add("a", "1", "3.5");
  spending_.Add("b", "1", "100");
  EXPECT_TRUE(reading_->Eventually([&] {
    return reading_->ledger().Read("x", SystemClock().Now())->spent.cost ==
           *Money::ParseLimit("3.5");
  }));
  EXPECT_EQ(reading_->ledger().Read("x", SystemClock().Now())->last_hour.cost,
            *Money::ParseLimit("3.5"));
}

TEST_F(ReadingTest, PrometheusKilledAndStartedAgain) {
  spending_.Add("a", "1", "1");
  ExpectAllBooked();
  prometheus_.Kill();
  spending_.Add("a", "1", "2");
  EXPECT_TRUE(reading_->EventuallyHealth(State::kLost, "PrometheusUnreachable"));
  EXPECT_EQ(reading_->Total(), *Money::ParseLimit("1"));
  prometheus_.Start();
  ExpectAllBooked();
  EXPECT_TRUE(reading_->EventuallyHealth(State::kHealthy, ""));
}

TEST_F(ReadingTest, PrometheusThatAnswersNothing) {
  spending_.Add("a", "1", "1");
  ExpectAllBooked();
  prometheus_.Pause();
  spending_.Add("a", "1", "2");
  EXPECT_TRUE(reading_->EventuallyHealth(State::kLost, "PrometheusUnreachable"));
  prometheus_.Resume();
  ExpectAllBooked();
  EXPECT_TRUE(reading_->EventuallyHealth(State::kHealthy, ""));
}

}  // namespace
}  // namespace purser
