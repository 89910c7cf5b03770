#include "usage/prometheus/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "support/clocks.h"
#include "support/fake_prometheus.h"
#include "support/memory_store.h"
#include "usage/attribution/series_identity.h"

namespace purser::usage {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Timestamp kNoon{1'800'014'400s};
constexpr const char* kSeries = R"({"namespace":"agents","agent":"a"})";

Money Dollars(std::int64_t amount) { return Money::FromNanos(amount * Money::kNanosPerDollar); }

class ReaderTest : public ::testing::Test {
 protected:
  ReaderTest() {
    source_.name = "default";
    source_.prometheus.url = "http://prometheus:9090";
    source_.prometheus.metric = "cost";
    source_.prometheus.backfill = 0ms;
    Restart();
  }

  void Restart() {
    reader_.reset();
    ledger_.reset();
    store_ = std::make_unique<support::MemoryStore>(database_);
    EXPECT_TRUE(store_->TakeOver().ok());
    ledger_ = ledger::MakeLedger(std::make_unique<support::BorrowedStore>(*store_), clock_);
    reader_ = std::make_unique<PrometheusReader>(source_, prometheus_, *ledger_, *store_, clock_);
  }

  ReadOutcome Read() { return reader_->Read(15s, {}); }

  void CatchUp() {
    for (int i = 0; i < 500; ++i) {
      const auto outcome = Read();
      ASSERT_FALSE(outcome.problem) << outcome.problem->message;
      if (outcome.caught_up) return;
    }
    FAIL() << "never caught up";
  }

  Money Total() {
    Money sum;
    for (const auto& [key, minutes] : database_->minutes)
      for (const auto& [minute, amount] : minutes) sum += amount.cost;
    return sum;
  }

  // What is held in doubt.
  Money Held() {
    Money sum;
    for (const auto& entry : database_->journal) {
      if (entry.held == ledger::HeldState::kHeld) sum += entry.amount.cost;
    }
    return sum;
  }

  std::vector<ledger::JournalEntry> Entries(ledger::JournalKind kind) {
    std::vector<ledger::JournalEntry> entries;
    for (const auto& entry : database_->journal) {
      if (entry.kind == kind) entries.push_back(entry);
    }
    return entries;
  }

  std::vector<ledger::MeterFinding> Findings(const std::string& agent) {
    const auto report = reader_->Report();
    const auto found = report->findings.find({"agents", agent});
    return found == report->findings.end() ? std::vector<ledger::MeterFinding>() : found->second;
  }

  void Answer(std::string body) {
    prometheus_.intercept = [body](const net::HttpRequest&) {
      return std::optional<Result<net::HttpResponse>>(support::FakePrometheus::Ok200(body));
    };
  }

  api::SourceConfig source_;
  attribution::SourceRules rules_;
  support::FakeClock clock_{kNoon};
  support::FakePrometheus prometheus_;
  std::shared_ptr<support::MemoryDatabase> database_ = std::make_shared<support::MemoryDatabase>();
  std::unique_ptr<support::MemoryStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<PrometheusReader> reader_;
};

TEST_F(ReaderTest, KeepsTheFirstEpochWhateverHappens) {
  source_.prometheus.backfill = 24h;
  Restart();
  prometheus_.intercept = [](const net::HttpRequest&) {
    return std::optional<Result<net::HttpResponse>>(Error(ErrorCode::kUnavailable, "refused"));
  };
  EXPECT_EQ(Read().problem->reason, reason::kUnreachable);
  EXPECT_EQ(store_->Position("default").value()->epoch, kNoon - 24h);
  clock_.Advance(3h);
  Restart();
  prometheus_.intercept = nullptr;
  CatchUp();
  EXPECT_EQ(store_->Position("default").value()->epoch, kNoon - 24h);
}

TEST_F(ReaderTest, OldMoneyIsNotSpend) {
  source_.prometheus.backfill = 1h;
  Restart();
  prometheus_.Add(kSeries, kNoon - 100min, Dollars(1000));
  prometheus_.Add(kSeries, kNoon - 10min, Dollars(1003));
  prometheus_.Add(R"({"namespace":"agents","agent":"new"})", kNoon - 5min, Dollars(20));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(23));
}

TEST_F(ReaderTest, NewSeriesMayBeBaselinesToo) {
  source_.prometheus.new_series = api::NewSeries::kBaseline;
  Restart();
  CatchUp();
  clock_.Advance(30s);
  prometheus_.Add(kSeries, kNoon + 5s, Dollars(20));
  prometheus_.Add(kSeries, kNoon + 20s, Dollars(21));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(1));
}

TEST_F(ReaderTest, HistoryIsReadInPiecesOldestFirst) {
  source_.prometheus.backfill = 24h;
  Restart();
  for (int i = -1; i <= 24 * 60; ++i)
    prometheus_.Add(kSeries, kNoon - 24h + i * 1min, Dollars(std::max(i, 0)));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(24 * 60));
  // The baseline, pieces of 5, 10, 20, 40 min, and then of an hour.
  EXPECT_LE(prometheus_.queries(), 30);
  EXPECT_THAT(prometheus_.bodies()[0], HasSubstr("last_over_time"));
  EXPECT_THAT(prometheus_.bodies()[1], HasSubstr("%5B330000ms%5D&time=1799928300.000"));
}

TEST_F(ReaderTest, PiecesShrinkWhenAnswersAreTooLarge) {
  source_.prometheus.backfill = 24h;
  Restart();
  for (int i = -1; i <= 24 * 60; ++i)
    prometheus_.Add(kSeries, kNoon - 24h + i * 1min, Dollars(std::max(i, 0)));
  int refused = 0;
  prometheus_.intercept =
      [&](const net::HttpRequest& request) -> std::optional<Result<net::HttpResponse>> {
    const auto open = request.body.find("%5B");
    if (request.body.find("last_over_time") != std::string::npos ||
        std::stoll(request.body.substr(open + 3)) <= 11 * 60'000) {
      return std::nullopt;
    }
    ++refused;
    return Error(ErrorCode::kResourceExhausted, "large");
  };
  CatchUp();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(Total(), Dollars(24 * 60));
}

TEST_F(ReaderTest, AnAnswerTooLargeForOnePollIsAProblem) {
  CatchUp();
  prometheus_.intercept = [](const net::HttpRequest&) {
    return std::optional<Result<net::HttpResponse>>(Error(ErrorCode::kResourceExhausted, "large"));
  };
  clock_.Advance(15s);
  const auto outcome = Read();
  ASSERT_TRUE(outcome.problem);
  EXPECT_EQ(outcome.problem->reason, reason::kIncomplete);
}

TEST_F(ReaderTest, ReachesBackOverTheIntervalAndTwoScrapes) {
  CatchUp();
  clock_.Advance(15s);
  CatchUp();
  EXPECT_THAT(prometheus_.bodies().back(), HasSubstr("%5B45000ms%5D"));
  prometheus_.Add(kSeries, kNoon + 15s, Dollars(1));
  clock_.Advance(1s);
  CatchUp();
  EXPECT_THAT(prometheus_.bodies().back(), HasSubstr("%5B31000ms%5D"));
}

TEST_F(ReaderTest, ReachesFurtherWhenEverythingIsLate) {
  // A clock 90 s ahead of Prometheus', or a slow remote write: all samples show 90 s late.
  for (int i = 0; i < 40; ++i) {
    prometheus_.Add(kSeries, clock_.Now() - 90s, Dollars(i + 1), clock_.Now());
    CatchUp();
    clock_.Advance(15s);
  }
  EXPECT_GE(Total(), Dollars(39));
}

TEST_F(ReaderTest, AnIdleSourceIsSeldomWritten) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  const int before = database_->commits;
  for (int i = 1; i <= 40; ++i) {
    clock_.Advance(15s);
    prometheus_.Add(kSeries, clock_.Now(), Dollars(1));
    CatchUp();
  }
  EXPECT_LE(database_->commits - before, 10);
  // And nothing is booked twice from the older position.
  Restart();
  CatchUp();
  EXPECT_EQ(Total(), Dollars(0));
}

TEST_F(ReaderTest, AFailedCommitIsRepeatedExactly) {
  CatchUp();
  prometheus_.Add(kSeries, kNoon + 10s, Dollars(5));
  clock_.Advance(15s);
  store_->fail = [] { return Error(ErrorCode::kUnavailable, "the volume is full"); };
  auto outcome = Read();
  ASSERT_TRUE(outcome.problem);
  EXPECT_EQ(outcome.problem->reason, reason::kStoreUnavailable);
  EXPECT_THAT(outcome.problem->message, HasSubstr("full"));
  store_->fail = nullptr;
  clock_.Advance(15s);
  CatchUp();
  EXPECT_EQ(Total(), Dollars(5));
  EXPECT_EQ(reader_->figures().errors, 1u);
}

TEST_F(ReaderTest, FencedMeansFenced) {
  CatchUp();
  support::MemoryStore successor(database_);
  ASSERT_TRUE(successor.TakeOver().ok());
  prometheus_.Add(kSeries, kNoon + 10s, Dollars(5));
  clock_.Advance(15s);
  const auto outcome = Read();
  ASSERT_TRUE(outcome.problem);
  EXPECT_EQ(outcome.problem->code, ErrorCode::kFenced);
  EXPECT_EQ(Total(), Money());
}

TEST_F(ReaderTest, WhatAPartialAnswerHoldsIsBookedAndTheRestReadLater) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  const auto answers = [&](const char* extra, bool both) {
    return std::string(R"({"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"namespace":"agents","agent":"a"},"values":[[1800014400,"1"],[1800014410,"5"]]})") +
           (both
                ? R"(,{"metric":{"namespace":"agents","agent":"b","pod":"x"},"values":[[1800014412,"0.5"]]})"
                : "") +
           "]}" + extra + "}";
  };
  for (const char* extra : {R"(,"warnings":["a store is away"])", R"(,"isPartial":true)"}) {
    Answer(answers(extra, false));
    clock_.Advance(15s);
    const auto outcome = Read();
    ASSERT_TRUE(outcome.problem);
    EXPECT_EQ(outcome.problem->reason, reason::kIncomplete);
    EXPECT_EQ(Total(), Dollars(4));
    EXPECT_EQ(store_->Position("default").value()->complete_until, kNoon);
  }
  Answer(answers("", true));
  CatchUp();
  EXPECT_EQ(Total() + Held(), Dollars(4) + Money::FromNanos(500'000'000));
  EXPECT_EQ(reader_->figures().complete_until, clock_.Now());
}

TEST_F(ReaderTest, OneOddSeriesTouchesNoOther) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  Answer(R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"namespace":"agents","agent":"a"},"values":[[1800014410,"5"]]},
      {"metric":{"namespace":"other","agent":"b"},"values":[[1800014405,"NaN"],[1800014410,"NaN"]]},
      {"metric":{"namespace":"other","agent":"c"},"histograms":[[1800014410,{}]]}]}})");
  clock_.Advance(15s);
  const auto outcome = Read();
  EXPECT_FALSE(outcome.problem);
  EXPECT_TRUE(outcome.caught_up);
  EXPECT_EQ(Total(), Dollars(4));
  EXPECT_TRUE(Findings("a").empty());
  const auto report = reader_->Report();
  ASSERT_EQ(report->findings.size(), 2u);
  EXPECT_EQ(report->findings.at({"other", "b"}).front().reason, "NotANumber");
  EXPECT_TRUE(report->findings.at({"other", "b"}).front().lost);
  EXPECT_THAT(report->findings.at({"other", "c"}).front().message, HasSubstr("histogram"));
  EXPECT_EQ(reader_->figures().quarantined_series, 2);
  EXPECT_EQ(Entries(ledger::JournalKind::kQuarantine).size(), 2u);
}

TEST_F(ReaderTest, AnOldCounterWhoseHistoryIsShorterThanTheBackfillIsNoSpend) {
  source_.prometheus.backfill = 24h;
  Restart();
  // Prometheus has had it for an hour.
  for (int i = 0; i <= 240; ++i)
    prometheus_.Add(R"({"namespace":"agents","agent":"a","pod":"gw-0"})", kNoon - 1h + i * 15s,
                    Dollars(38'000 + (i + 59) / 60));
  CatchUp();
  // From its first sample on nothing is lost.
  EXPECT_EQ(Total(), Dollars(4));
  EXPECT_EQ(Held(), Money());
  const auto epoch = store_->Position("default").value()->epoch;
  EXPECT_GE(epoch, kNoon - 1h);
  EXPECT_LE(epoch, kNoon - 1h + 1s);
}

TEST_F(ReaderTest, ASecondLookFindsWhatCameTooLateForEveryPoll) {
  const char* fresh = R"({"namespace":"agents","agent":"w","pod":"w"})";
  const char* late = R"({"namespace":"agents","agent":"late","pod":"l"})";
  prometheus_.now = [&] { return clock_.Now(); };
  prometheus_.Add(late, kNoon, Dollars(1));
  prometheus_.Add(fresh, kNoon, Dollars(1));
  CatchUp();
  for (int i = 1; i <= 60; ++i) {
    clock_.Advance(15s);
    prometheus_.Add(fresh, clock_.Now(), Dollars(1));
    // Each sample five minutes late.
    prometheus_.Add(late, clock_.Now(), Dollars(1 + i), clock_.Now() + 5min);
    CatchUp();
    EXPECT_FALSE(reader_->LookBack({}));
  }
  clock_.Advance(5min);
  CatchUp();
  EXPECT_FALSE(reader_->LookBack({}));
  EXPECT_EQ(Total(), Dollars(60));
}

TEST_F(ReaderTest, WhatTheStoreCannotTakeIsHeldInMemoryAndWrittenOnce) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  store_->fail = [] { return Error(ErrorCode::kUnavailable, "the volume is full"); };
  ASSERT_TRUE(ledger_->Track("x", {"default", "agents", true, {}, kNoon, kNoon + 24h}).ok() ||
              true);
  for (int i = 1; i <= 10; ++i) {
    clock_.Advance(15s);
    prometheus_.Add(kSeries, clock_.Now(), Dollars(1 + i));
    const auto outcome = Read();
    ASSERT_TRUE(outcome.problem);
    EXPECT_EQ(outcome.problem->reason, reason::kStoreUnavailable);
  }
  EXPECT_EQ(Total(), Money());
  store_->fail = nullptr;
  clock_.Advance(15s);
  CatchUp();
  EXPECT_EQ(Total(), Dollars(10));
  Restart();
  clock_.Advance(15s);
  CatchUp();
  EXPECT_EQ(Total(), Dollars(10));
}

TEST_F(ReaderTest, WhatWaitsForTheStoreIsBookedOnceThoughItFailsInAnotherWayMeanwhile) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  const auto spend_and_fail = [&](int dollars, ErrorCode code) {
    clock_.Advance(15s);
    prometheus_.Add(kSeries, clock_.Now(), Dollars(dollars));
    store_->fail = [code] { return Error(code, "not now"); };
    ASSERT_TRUE(Read().problem);
  };
  spend_and_fail(2, ErrorCode::kUnavailable);
  spend_and_fail(4, ErrorCode::kInternal);
  spend_and_fail(8, ErrorCode::kInternal);
  spend_and_fail(9, ErrorCode::kUnavailable);
  store_->fail = nullptr;
  clock_.Advance(15s);
  CatchUp();
  EXPECT_EQ(Total(), Dollars(8));
}

TEST_F(ReaderTest, GoesByTheClockOfItsSource) {
  // Prometheus is ten minutes ahead of the operator.
  const auto ahead = [&] {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock_.Now() + 10min);
    const std::time_t seconds = now.time_since_epoch().count();
    char text[64];
    std::tm parts{};
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &parts));
    prometheus_.headers = {{"date", text}};
  };
  ahead();
  CatchUp();
  clock_.Advance(15s);
  ahead();
  CatchUp();
  prometheus_.Add(kSeries, clock_.Now() + 10min, Dollars(1));
  clock_.Advance(15s);
  ahead();
  CatchUp();
  EXPECT_EQ(Total() + Held(), Dollars(1));
  EXPECT_GE(reader_->Now(), clock_.Now() + 9min);
}

// Answers with one series that says NaN every minute from noon on, until `mended` if ever, and
// with one that spends a dollar a minute.
std::string NaNBesideNumbers(const net::HttpRequest& request, Duration mended, Duration dies) {
  const auto asked = std::stod(request.body.substr(request.body.find("&time=") + 6));
  const auto range = std::stod(request.body.substr(request.body.find("%5B") + 3));
  std::string nan, numbers;
  for (int minute = 1; minute <= 600; ++minute) {
    const double at = 1'800'014'400 + 60 * minute;
    if (at > asked || at <= asked - range / 1000) continue;
    const std::string time = "[" + std::to_string(1'800'014'400 + 60 * minute) + ",\"";
    if (std::chrono::minutes(minute) < dies)
      nan += time + (std::chrono::minutes(minute) < mended ? "NaN" : "7") + "\"],";
    numbers += time + std::to_string(minute) + "\"],";
  }
  const auto series = [](const char* agent, std::string& samples) {
    if (samples.empty()) return std::string();
    samples.pop_back();
    return std::string(R"({"metric":{"namespace":"agents","agent":")") + agent +
           R"("},"values":[)" + samples + "]}";
  };
  const std::string first = series("a", nan);
  const std::string second = series("b", numbers);
  return R"({"status":"success","data":{"resultType":"matrix","result":[)" + first +
         (first.empty() || second.empty() ? "" : ",") + second + "]}}";
}

struct NaNCase {
  const char* name;
  Duration mended, dies;
  bool told;            // of the agent, at the end
  std::int64_t booked;  // of both series, dollars
};

class NaNTest : public ReaderTest, public ::testing::WithParamInterface<NaNCase> {};

TEST_P(NaNTest, HoldsUpNobodyElse) {
  const auto& [name, mended, dies, told, booked] = GetParam();
  CatchUp();
  clock_.Advance(3h);
  prometheus_.intercept = [&](const net::HttpRequest& request) {
    return std::optional<Result<net::HttpResponse>>(
        support::FakePrometheus::Ok200(NaNBesideNumbers(request, mended, dies)));
  };
  CatchUp();
  EXPECT_EQ(Total() + Held(), Dollars(booked));
  EXPECT_EQ(Findings("a").size(), told ? 1u : 0u);
  EXPECT_TRUE(Findings("b").empty());
}

INSTANTIATE_TEST_SUITE_P(Runs, NaNTest,
                         ::testing::Values(NaNCase{"MendedAfterTwoHours", 2h, 10h, false, 180 + 7},
                                           NaNCase{"NeverMended", 10h, 10h, true, 180},
                                           NaNCase{"DiedWithItsNaN", 10h, 90min, false, 180}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(ReaderTest, ASeriesTwiceInOneAnswerIsBookedOnce) {
  CatchUp();
  Answer(R"({"status":"success","data":{"resultType":"matrix","result":[
         {"metric":{"agent":"a","pod":"1"},"values":[[1800014410,"0.5"]]},
         {"metric":{"pod":"1","agent":"a"},"values":[[1800014410,"0.5"]]}]}})");
  clock_.Advance(15s);
  EXPECT_FALSE(Read().problem);
  EXPECT_EQ(Total(), Money::FromNanos(500'000'000));
}

TEST_F(ReaderTest, TellsAGapThatPrometheusNoLongerHas) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  clock_.Advance(3h);
  for (Duration ago = 1h; ago >= 0ms; ago -= 15s)
    prometheus_.Add(kSeries, kNoon + 3h - ago, Dollars(4));
  CatchUp();
  ASSERT_TRUE(reader_->gap().has_value());
  EXPECT_THAT(reader_->gap()->text, HasSubstr("2027-01-15T12:00:00Z and 2027-01-15T14:00:00Z"));
  EXPECT_EQ(Total(), Dollars(3));
}

TEST_F(ReaderTest, AnOutageThatPrometheusRemembersIsNoGap) {
  prometheus_.Add(kSeries, kNoon, Dollars(1));
  CatchUp();
  clock_.Advance(3h);
  for (Duration after = 15s; after <= 3h; after += 15s)
    prometheus_.Add(kSeries, kNoon + after, Dollars(4));
  Restart();
  CatchUp();
  EXPECT_FALSE(reader_->gap().has_value());
  EXPECT_EQ(Total(), Dollars(3));
}

TEST_F(ReaderTest, AClockSetBackLosesNothing) {
  prometheus_.Add(kSeries, kNoon - 1s, Dollars(1));
  CatchUp();
  clock_.Advance(-2h);
  CatchUp();
  EXPECT_EQ(store_->Position("default").value()->complete_until, kNoon);
  clock_.Set(kNoon + 15s);
  prometheus_.Add(kSeries, kNoon + 10s, Dollars(3));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(2));
}

TEST_F(ReaderTest, AClockThatWentAheadHidesNoOutageAfterwards) {
  prometheus_.Add(kSeries, kNoon - 1s, Dollars(1));
  CatchUp();
  clock_.Advance(24h);
  CatchUp();
  clock_.Set(kNoon + 15s);
  CatchUp();
  // Away for an hour, and a writer that ended meanwhile.
  prometheus_.Add(R"({"namespace":"agents","agent":"short"})", kNoon + 10min, Dollars(5));
  clock_.Set(kNoon + 1h);
  Restart();
  CatchUp();
  EXPECT_EQ(Total(), Dollars(5));
}

TEST_F(ReaderTest, ReportsWhatItCannotAttribute) {
  CatchUp();
  prometheus_.Add(R"({"pod":"x"})", kNoon + 1s, Dollars(1));
  prometheus_.Add(R"({"namespace":"n","agent":")" + std::string(300, 'x') + "\"}", kNoon + 1s,
                  Dollars(2));
  clock_.Advance(15s);
  CatchUp();
  EXPECT_EQ(reader_->figures().unattributed_series, 2);
  EXPECT_EQ(reader_->figures().shortened_series, 1);
  EXPECT_EQ(Total(), Dollars(3));
}

TEST_F(ReaderTest, NamesASeriesWithSeveralWriters) {
  prometheus_.Add(kSeries, kNoon, Dollars(100));
  CatchUp();
  for (int i = 1; i <= 40; ++i) {
    clock_.Advance(15s);
    prometheus_.Add(kSeries, clock_.Now() - 8s, Dollars(50));
    prometheus_.Add(kSeries, clock_.Now(), Dollars(100));
    ASSERT_FALSE(Read().problem);
  }
  EXPECT_EQ(Total(), Money());
  ASSERT_EQ(Findings("a").size(), 1u);
  EXPECT_EQ(Findings("a").front().reason, "DuplicateWriters");
  EXPECT_THAT(Findings("a").front().message, HasSubstr("agent=\"a\""));
}

// A ledger of before knew a series by all of its labels, those of its scraping included.
TEST_F(ReaderTest, GoesOnFromACursorOfAllLabels) {
  const char* labels = R"({"namespace":"agents","agent":"a","instance":"i","job":"agents"})";
  prometheus_.Add(labels, kNoon, Dollars(500));
  CatchUp();
  auto& cursors = database_->cursors["default"];
  ASSERT_EQ(cursors.size(), 1u);
  attribution::SeriesIdentifier identifier(rules_ = attribution::RulesOf(source_));
  const Label all[] = {
      {"agent", "a"}, {"instance", "i"}, {"job", "agents"}, {"namespace", "agents"}};
  auto old = cursors.begin()->second;
  old.series = identifier.Raw(all);
  old.state = "v1:500000000000";
  ASSERT_NE(old.series, cursors.begin()->first);
  cursors.clear();
  cursors[old.series] = old;
  Restart();
  clock_.Advance(15s);
  prometheus_.Add(labels, clock_.Now(), Dollars(503));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(3));
  EXPECT_EQ(Held(), Money());
}

TEST_F(ReaderTest, ForgetsSeriesThatAreGoneButNotTheirValues) {
  prometheus_.Add(kSeries, kNoon, Dollars(10));
  CatchUp();
  for (int i = 0; i < 300; ++i) {
    clock_.Advance(30s);
    CatchUp();
  }
  prometheus_.Add(kSeries, clock_.Now(), Dollars(12));
  CatchUp();
  EXPECT_EQ(Total(), Dollars(2));
}

}  // namespace
}  // namespace purser::usage
