// A random world for property tests of the reader: counters that reset, pause, come and go, samples
// that show late, and answers that must not be believed. It knows what was truly spent.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>

#include "api/config.h"
#include "ledger/store.h"
#include "support/fake_prometheus.h"

namespace purser::usage {

using namespace std::chrono_literals;

inline constexpr Timestamp kStart{1'800'000'000s};
inline constexpr Duration kScrape = 15s;

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

inline api::SourceConfig Source(Duration backfill) {
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
    std::string instance;
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
    counter.instance = "p" + std::to_string(counters_.size());
    const std::string labels = R"({"namespace":"agents","agent":"a)" +
                               std::to_string(counter.agent) + R"(","instance":")" +
                               counter.instance + "\"}";
    prometheus_.started[counter.instance].insert(next_scrape_ - 1s);
    counters_[labels] = counter;
  }

  void Scrape(const std::string& labels, Counter& counter) {
    if (random_.Chance(3)) counter.alive = !counter.alive;  // scaled down, back up
    if (!counter.alive || random_.Chance(5)) return;        // a failed scrape
    const Timestamp at = next_scrape_ + counter.offset;
    const Money spent = random_.Chance(50) ? Money() : Money::FromNanos(random_(1, 3'000'000'000));
    // One restart in what one answer may hold: of several only the last has a start that is told.
    // To less than before: above it, nobody asks for the start of what is no more than is earned
    // anyway.
    const bool restart = counter.had_sample && random_.Chance(2) && spent < counter.value &&
                         at - counter.last_reset > 2h;
    if (restart) {
      counter.last_reset = at;
      prometheus_.started[counter.instance].insert(at - 1s);
    }
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
inline std::optional<Result<net::HttpResponse>> Disturb(Random& random) {
  switch (random(0, 4)) {
    case 0:
      return Result<net::HttpResponse>(Error(ErrorCode::kTimeout, "slow"));
    case 1:
      return Result<net::HttpResponse>(net::HttpResponse{503, {}, "starting"});
    case 2:
      return Result<net::HttpResponse>(net::HttpResponse{200, {}, "<html>"});
    default:
      return std::nullopt;
  }
}

inline std::map<std::int64_t, std::int64_t> WithoutZeros(
    std::map<std::int64_t, std::int64_t> minutes) {
  std::erase_if(minutes, [](const auto& minute) { return minute.second == 0; });
  return minutes;
}

}  // namespace purser::usage
