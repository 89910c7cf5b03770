// Random worlds: counters that reset, pause, come and go, samples that show late, failing answers
// and commits, restarts, two leaders. In the end the ledger holds exactly what was spent, minute by
// minute.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "support/clocks.h"
#include "support/fake_prometheus.h"
#include "support/memory_store.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart{1'800'000'000s};
constexpr Duration kScrape = 15s;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t operator()(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(engine_);
  }
  bool Chance(int percent) { return (*this)(1, 100) <= percent; }

 private:
  std::mt19937 engine_;
};

api::SourceConfig Source(Duration backfill) {
  api::SourceConfig source;
  source.name = "default";
  source.prometheus.url = "http://prometheus:9090";
  source.prometheus.metric = "cost";
  source.prometheus.scrape_interval = kScrape;
  source.prometheus.backfill = backfill;
  return source;
}

// What agents do, sample by sample, and what that costs.
class World {
 public:
  World(unsigned seed, Timestamp epoch) : random_(seed), epoch_(epoch) {}

  // Scrapes everything until `now`.
  void Advance(Timestamp now) {
    for (; next_scrape_ <= now; next_scrape_ += kScrape) {
      if (random_.Chance(20) && counters_.size() < 8) Begin();
      for (auto& [labels, counter] : counters_) Scrape(labels, counter);
    }
  }

  support::FakePrometheus& prometheus() { return prometheus_; }
  const std::map<std::int64_t, std::int64_t>& truth() const { return truth_; }

 private:
  struct Counter {
    Money value;
    std::int64_t agent = 0;
    bool alive = true;
    bool had_sample = false;
    Timestamp last_reset;
    Timestamp visible;
    Duration offset{};
  };

  void Begin() {
    Counter counter;
    counter.agent = random_(0, 3);
    counter.offset = Duration(random_(0, 14'999));
    const std::string labels = R"({"namespace":"agents","agent":"a)" +
                               std::to_string(counter.agent) + R"(","pod":"p)" +
                               std::to_string(counters_.size()) + "\"}";
    counters_[labels] = counter;
  }

  void Scrape(const std::string& labels, Counter& counter) {
    if (random_.Chance(3)) counter.alive = !counter.alive;  // scaled down, back up
    if (!counter.alive || random_.Chance(5)) return;        // a failed scrape
    const Timestamp at = next_scrape_ + counter.offset;
    const Money spent = random_.Chance(50) ? Money() : Money::FromNanos(random_(1, 3'000'000'000));
    // A restart shows only where the value falls; four within five scrapes would be several
    // writers.
    const bool restart = counter.had_sample && random_.Chance(4) && spent < counter.value &&
                         at - counter.last_reset > 4 * kScrape;
    if (restart) counter.last_reset = at;
    counter.value = restart ? spent : counter.value + spent;
    counter.had_sample = true;
    // Late, but each series in order.
    counter.visible =
        std::max(counter.visible, at + (random_.Chance(20) ? Duration(random_(0, 29'000)) : 0ms));
    prometheus_.Add(labels, at, counter.value, counter.visible);
    if (at > epoch_) truth_[ledger::MinuteOf(at)] += spent.nanos();
  }

  Random random_;
  const Timestamp epoch_;
  Timestamp next_scrape_ = kStart;
  std::map<std::string, Counter> counters_;
  std::map<std::int64_t, std::int64_t> truth_;
  support::FakePrometheus prometheus_;
};

// An answer that must not be believed, or none.
std::optional<Result<net::HttpResponse>> Disturb(Random& random) {
  switch (random(0, 6)) {
    case 0:
      return Result<net::HttpResponse>(Error(ErrorCode::kTimeout, "slow"));
    case 1:
      return Result<net::HttpResponse>(net::HttpResponse{503, {}, "starting"});
    case 2:
      return Result<net::HttpResponse>(net::HttpResponse{200, {}, "<html>"});
    case 3:
      return Result<net::HttpResponse>(net::HttpResponse{
          200,
          {},
          R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"namespace":"agents",
                   "agent":"a0"},"values":[[1800000000,"999"]]}]},"warnings":["incomplete"]})"});
    case 4:
      return Result<net::HttpResponse>(
          net::HttpResponse{200, {}, R"({"status":"success","data":{"resultType":"matrix","result":[
                   {"metric":{"agent":"x"},"values":[[1800000000,"5"]]},
                   {"metric":{"agent":"y"},"values":[[1800000000,"NaN"]]}]}})"});
    default:
      return std::nullopt;
  }
}

// One operator: a store's connection, a ledger, a reader; thrown away at every restart.
struct Operator {
  Operator(std::shared_ptr<support::MemoryDatabase> database, const api::SourceConfig& source,
           support::FakePrometheus& prometheus, Clock& clock)
      : store(std::move(database)),
        taken(store.TakeOver().ok()),
        ledger(ledger::MakeLedger(std::make_unique<support::BorrowedStore>(store), clock)),
        reader(source, prometheus, *ledger, store, clock) {}
  support::MemoryStore store;
  bool taken;
  std::unique_ptr<ledger::Ledger> ledger;
  PrometheusReader reader;
};

std::map<std::int64_t, std::int64_t> Booked(const support::MemoryDatabase& database) {
  std::map<std::int64_t, std::int64_t> booked;
  for (const auto& [key, minutes] : database.minutes) {
    EXPECT_EQ(key.ns, "agents");
    for (const auto& [minute, amount] : minutes) booked[minute] += amount.nanos();
  }
  return booked;
}

std::map<std::int64_t, std::int64_t> WithoutZeros(std::map<std::int64_t, std::int64_t> minutes) {
  std::erase_if(minutes, [](const auto& minute) { return minute.second == 0; });
  return minutes;
}

void Walk(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const Duration backfill(random(1, 90) * 60'000);
  const Timestamp first = kStart + Duration(random(0, 60) * 60'000);
  World world(seed + 1'000'000, first - backfill);
  support::FakeClock clock(first);
  const auto source = Source(backfill);
  const auto database = std::make_shared<support::MemoryDatabase>();
  world.Advance(first);
  // Everything is visible that became so until now, however far back a query looks.
  world.prometheus().now = [&clock] { return clock.Now(); };

  auto leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
  std::unique_ptr<Operator> rival;
  bool disturbed = true;
  world.prometheus().intercept =
      [&](const net::HttpRequest&) -> std::optional<Result<net::HttpResponse>> {
    if (!disturbed || !random.Chance(15)) return std::nullopt;
    return Disturb(random);
  };
  const auto fail = [&]() -> Status {
    if (disturbed && random.Chance(5)) return Error(ErrorCode::kUnavailable, "full");
    return Ok();
  };

  (void)leader->reader.Read(15s, {});  // fixes the epoch, whether it is answered or not
  for (int step = 0; step < 25; ++step) {
    // Mostly a poll, sometimes an outage.
    clock.Advance(random.Chance(10) ? Duration(random(1, 90 * 60'000))
                                    : Duration(random(1'000, 40'000)));
    world.Advance(clock.Now());
    if (random.Chance(15))
      leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
    if (random.Chance(10)) {
      rival = std::move(leader);  // it goes on for a while, not knowing
      leader = std::make_unique<Operator>(database, source, world.prometheus(), clock);
    }
    if (rival && random.Chance(50)) (void)rival->reader.Read(15s, {});
    leader->store.fail = fail;
    const auto outcome = leader->reader.Read(15s, {});
    ASSERT_FALSE(outcome.problem && outcome.problem->code == ErrorCode::kFenced);
    leader->store.fail = nullptr;
  }
  // Undisturbed, and after the latest sample has become visible, everything is caught up.
  disturbed = false;
  clock.Advance(60s);
  for (int reads = 0; reads < 200; ++reads) {
    const auto outcome = leader->reader.Read(15s, {});
    ASSERT_FALSE(outcome.problem) << outcome.problem->message;
    if (outcome.caught_up) break;
  }
  ASSERT_EQ(Booked(*database), WithoutZeros(world.truth()));
}

TEST(ReaderProperty, BooksExactlyWhatWasSpent) {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    Walk(seed);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace purser::usage
