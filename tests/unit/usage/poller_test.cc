#include "usage/prometheus/poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/clocks.h"
#include "support/fake_prometheus.h"
#include "support/memory_store.h"

namespace purser::usage {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using State = ledger::SourceHealth::State;

constexpr Timestamp kNoon{1'800'014'400s};
constexpr const char* kSeries = R"({"namespace":"agents","agent":"a"})";

class PollerTest : public ::testing::Test {
 protected:
  PollerTest() {
    source_.name = "default";
    source_.prometheus.url = "http://prometheus:9090";
    source_.prometheus.metric = "cost";
    source_.prometheus.backfill = 0ms;
    EXPECT_TRUE(store_.TakeOver().ok());
    ledger_ = ledger::MakeLedger(std::make_unique<support::BorrowedStore>(store_), clock_);
    prometheus_.intercept =
        [this](const net::HttpRequest&) -> std::optional<Result<net::HttpResponse>> {
      const std::lock_guard lock(mutex_);
      return prepared_;
    };
  }

  ~PollerTest() override { Stop(); }

  void Start() {
    poller_ = std::make_unique<PrometheusPoller>(source_, prometheus_, *ledger_, store_, clock_);
    thread_ = std::jthread([this](std::stop_token stop) {
      ended_ = poller_->Run(stop);
      has_ended_ = true;
    });
  }

  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  void Prepare(std::optional<Result<net::HttpResponse>> answer) {
    const std::lock_guard lock(mutex_);
    prepared_ = std::move(answer);
  }

  // Real time, with a deadline: the poller runs on a thread of its own.
  template <typename Condition>
  bool Eventually(const Condition& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }

  void AwaitWait() {
    ASSERT_TRUE(Eventually([&] { return clock_.Awaited(); }));
  }

  // The end of the wait that follows what the test has seen last.
  void EndWait(Duration within = 60s) {
    AwaitWait();
    clock_.Advance(within);
  }

  bool EventuallyHealth(State state, const std::string& reason) {
    return Eventually([&] {
      const auto health = ledger_->Health("default");
      return health.state == state && health.reason == reason;
    });
  }

  api::SourceConfig source_;
  support::FakeClock clock_{kNoon};
  support::FakePrometheus prometheus_;
  support::MemoryStore store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<PrometheusPoller> poller_;
  std::mutex mutex_;
  std::optional<Result<net::HttpResponse>> prepared_;
  Status ended_;
  std::atomic<bool> has_ended_ = false;
  std::jthread thread_;
};

TEST_F(PollerTest, PollsAtItsInterval) {
  prometheus_.Add(kSeries, kNoon - 1s, Money::FromNanos(1));
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kHealthy, ""));
  const int queries = prometheus_.queries();
  clock_.Advance(14s);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(prometheus_.queries(), queries);
  clock_.Advance(1s);
  EXPECT_TRUE(Eventually([&] { return prometheus_.queries() == queries + 1; }));
  EXPECT_TRUE(Eventually([&] { return ledger_->Health("default").last_read == kNoon + 15s; }));
  Stop();
  EXPECT_TRUE(ended_.ok());
  const auto figures = poller_->Figures();
  EXPECT_EQ(figures.polls, static_cast<std::uint64_t>(prometheus_.queries()));
  EXPECT_EQ(figures.series, 1);
  EXPECT_EQ(figures.complete_until, kNoon + 15s);
}

TEST_F(PollerTest, AnEmptySourceIsNotZero) {
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kNeverRead, "NoSeries"));
  EXPECT_THAT(ledger_->Health("default").message, HasSubstr("cost"));
  prometheus_.Add(kSeries, kNoon + 10s, Money::FromNanos(1));
  clock_.Advance(15s);
  EXPECT_TRUE(EventuallyHealth(State::kHealthy, ""));
}

TEST_F(PollerTest, ShorterIntervals) {
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kNeverRead, "NoSeries"));
  const int queries = prometheus_.queries();
  AwaitWait();
  poller_->RequestInterval(1ms);  // held to a second
  EndWait(1s);
  EXPECT_TRUE(Eventually([&] { return prometheus_.queries() == queries + 1; }));
  AwaitWait();
  // Of several the shortest counts: another budget's patience does not cancel it.
  poller_->RequestInterval(2s);
  poller_->RequestInterval(1h);
  EndWait(2s);
  EXPECT_TRUE(Eventually([&] { return prometheus_.queries() == queries + 2; }));
  AwaitWait();
  poller_->RequestInterval(1h);  // alone: held to what is configured
  EndWait(2s);
  EXPECT_TRUE(Eventually([&] { return prometheus_.queries() == queries + 3; }));
  AwaitWait();
  clock_.Advance(14s);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(prometheus_.queries(), queries + 3);
}

TEST_F(PollerTest, LossIsToldAndRetriedWithBackoff) {
  prometheus_.Add(kSeries, kNoon - 1s, Money::FromNanos(1));
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kHealthy, ""));
  Prepare(Result<net::HttpResponse>(Error(ErrorCode::kUnavailable, "connection refused")));
  clock_.Advance(15s);
  // At once nothing is relaxed; it is told when it lasts.
  ASSERT_TRUE(Eventually([&] { return ledger_->Health("default").doubtful; }));
  EXPECT_EQ(ledger_->Health("default").state, State::kHealthy);
  for (int i = 0; i < 20 && ledger_->Health("default").state != State::kLost; ++i) EndWait(4s);
  ASSERT_TRUE(EventuallyHealth(State::kLost, "PrometheusUnreachable"));
  auto health = ledger_->Health("default");
  EXPECT_FALSE(health.doubtful);
  EXPECT_EQ(health.last_read, kNoon);
  EXPECT_EQ(health.lost_since, kNoon + 15s);
  EXPECT_THAT(health.message, HasSubstr("connection refused"));
  // Retries within a minute.
  for (int i = 0; i < 8; ++i) {
    const int queries = prometheus_.queries();
    EndWait();
    ASSERT_TRUE(Eventually([&] { return prometheus_.queries() > queries; })) << i;
  }
  Prepare(std::nullopt);
  ASSERT_TRUE(Eventually([&] { return clock_.Awaited(); }));
  prometheus_.Add(kSeries, clock_.Now(), Money::FromNanos(2));
  EndWait();
  EXPECT_TRUE(EventuallyHealth(State::kHealthy, ""));
  EXPECT_GE(poller_->Figures().errors, 9u);
}

TEST_F(PollerTest, EveryKindOfLossHasItsReason) {
  Start();
  const struct {
    Result<net::HttpResponse> answer;
    const char* reason;
  } cases[] = {
      {net::HttpResponse{401, {}, ""}, "PrometheusRefused"},
      {net::HttpResponse{422, {}, R"({"error":"x"})"}, "QueryFailed"},
      {net::HttpResponse{200, {}, "<html>"}, "BadAnswer"},
      {net::HttpResponse{
           200,
           {},
           R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["w"]})"},
       "IncompleteAnswer"},
      {Error(ErrorCode::kTimeout, "10 s"), "PrometheusUnreachable"},
  };
  ASSERT_TRUE(EventuallyHealth(State::kNeverRead, "NoSeries"));
  for (const auto& [answer, reason] : cases) {
    Prepare(answer);
    EndWait();
    EXPECT_TRUE(EventuallyHealth(State::kLost, reason)) << reason;
  }
  store_.fail = [] { return Error(ErrorCode::kUnavailable, "full"); };
  prometheus_.Add(kSeries, clock_.Now(), Money::FromNanos(1));
  Prepare(std::nullopt);
  EndWait();
  EXPECT_TRUE(EventuallyHealth(State::kLost, "StoreUnavailable"));
}

TEST_F(PollerTest, ASourceThatFallsSilentIsLost) {
  prometheus_.Add(kSeries, kNoon - 1s, Money::FromNanos(1));
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kHealthy, ""));
  for (int i = 0; i < 100 && ledger_->Health("default").reason != "NoSeries"; ++i) EndWait(15s);
  ASSERT_TRUE(EventuallyHealth(State::kLost, "NoSeries"));
  EXPECT_THAT(ledger_->Health("default").message, HasSubstr("had"));
  prometheus_.Add(kSeries, clock_.Now() + 5s, Money::FromNanos(2));
  EndWait(15s);
  EXPECT_TRUE(EventuallyHealth(State::kHealthy, ""));
}

TEST_F(PollerTest, HistoryIsToldWhileItIsRead) {
  source_.prometheus.backfill = 24h;
  std::atomic<bool> told = false;
  ledger_->OnHealth([&](const std::string& source) {
    if (ledger_->Health(source).reason == "ReadingHistory") told = true;
  });
  for (int minutes = 60; minutes >= 0; --minutes)
    prometheus_.Add(kSeries, kNoon - minutes * 1min, Money::FromNanos(7));
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kHealthy, ""));
  EXPECT_TRUE(told);
}

TEST_F(PollerTest, EndsWhenAnotherLeaderBooks) {
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kNeverRead, "NoSeries"));
  support::MemoryStore successor(
      std::shared_ptr<support::MemoryDatabase>(&store_.database(), [](auto*) {}));
  ASSERT_TRUE(successor.TakeOver().ok());
  prometheus_.Add(kSeries, kNoon, Money::FromNanos(1));
  EndWait();
  ASSERT_TRUE(Eventually([&] { return has_ended_.load(); }));
  EXPECT_EQ(ended_.error().code(), ErrorCode::kFenced);
  EXPECT_EQ(ledger_->Health("default").reason, "Fenced");
}

TEST_F(PollerTest, AClockSetBackDoesNotStopIt) {
  prometheus_.Add(kSeries, kNoon - 1s, Money::FromNanos(1));
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kHealthy, ""));
  const int queries = prometheus_.queries();
  clock_.Advance(-24h);
  std::this_thread::sleep_for(20ms);
  clock_.Advance(15s);
  EXPECT_TRUE(Eventually([&] { return prometheus_.queries() > queries; }));
}

TEST_F(PollerTest, StopsAtOnce) {
  Start();
  ASSERT_TRUE(EventuallyHealth(State::kNeverRead, "NoSeries"));
  const auto before = std::chrono::steady_clock::now();
  Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 500ms);
}

}  // namespace
}  // namespace purser::usage
