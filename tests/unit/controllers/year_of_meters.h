// Counters of agents over a year: they spend, begin anew, are replaced and renamed, and their
// source is away for days. It knows what was truly spent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "money/money.h"
#include "support/fake_prometheus.h"

namespace purser::controllers {

// What an agent spent, by the number it has whatever it is called.
struct TrueSpend {
  Timestamp at;
  std::size_t agent = 0;
  std::string name;  // then
  std::string model;
  std::string task;
  Amounts amounts;
};

class YearOfMeters {
 public:
  static constexpr Duration kScrape = std::chrono::minutes(30);
  static constexpr Duration kBackfill = std::chrono::hours(2);

  // What is spent up to `epoch` is not known to a ledger that begins then.
  YearOfMeters(std::mt19937& random, Timestamp begin, Timestamp epoch)
      : random_(random), epoch_(epoch), next_scrape_(begin) {}

  static api::SourceConfig Source() {
    api::SourceConfig source;
    source.name = "default";
    source.prometheus.url = "http://prometheus:9090";
    source.prometheus.metric = "cost";
    source.prometheus.scrape_interval = kScrape;
    source.prometheus.backfill = kBackfill;
    return source;
  }

  // The agent's pods: a counter for each model.
  void Run(std::size_t agent, const std::string& name) {
    Stop(agent);
    for (const auto* model : {"opus", "haiku"}) {
      Counter counter;
      counter.agent = agent;
      counter.name = name;
      counter.model = model;
      counter.task = Chance(50) ? "t" : "";
      counter.instance = "pod-" + std::to_string(pods_++);
      counter.labels = R"({"namespace":"agents","agent":")" + name + R"(","model":")" + model +
                       R"(","task":")" + counter.task + R"(","instance":")" + counter.instance +
                       "\"}";
      prometheus_.started[counter.instance].insert(next_scrape_ - std::chrono::seconds(1));
      counters_.push_back(std::move(counter));
    }
  }

  // Its pods are gone, with what they showed last.
  void Stop(std::size_t agent) {
    std::erase_if(counters_, [&](const Counter& counter) { return counter.agent == agent; });
  }

  // Scrapes everything up to `now`; what was spent meanwhile.
  std::vector<TrueSpend> Pass(Timestamp now) {
    std::vector<TrueSpend> spent;
    const auto scrapes = (now - next_scrape_) / kScrape;
    // One begins anew at most once between two reads: of several only the last has a start that is
    // told.
    for (auto& counter : counters_) {
      counter.anew_at.reset();
      if (scrapes > 4 && Chance(15))
        counter.anew_at = next_scrape_ + kScrape * Draw(1, static_cast<int>(scrapes) - 1);
    }
    for (; next_scrape_ <= now; next_scrape_ += kScrape) {
      for (auto& counter : counters_) Scrape(counter, spent);
    }
    return spent;
  }

  // Until then it does not answer.
  void Break(Timestamp until) { away_until_ = until; }
  bool Away(Timestamp now) const { return now < away_until_; }

  support::FakePrometheus& prometheus() { return prometheus_; }
  int resets() const { return resets_; }

 private:
  struct Counter {
    std::size_t agent = 0;
    std::string name, model, task, instance, labels;
    std::optional<Money> value;  // nothing: never scraped
    std::optional<Timestamp> anew_at;
  };

  int Draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool Chance(int percent) { return Draw(1, 100) <= percent; }

  void Scrape(Counter& counter, std::vector<TrueSpend>& into) {
    const Timestamp at = next_scrape_;
    auto spent = Money::FromNanos(Chance(3) ? Draw(1, 2'000'000'000) : 0);
    // To less than before: what is more than that is what it may have earned anyway.
    if (counter.anew_at == at && counter.value && *counter.value > spent) {
      prometheus_.started[counter.instance].insert(at - std::chrono::seconds(1));
      counter.value = spent;
      ++resets_;
    } else {
      counter.value = counter.value.value_or(Money()) + spent;
    }
    prometheus_.Add(counter.labels, at, *counter.value);
    if (at > epoch_ && spent > Money()) {
      into.push_back({at, counter.agent, counter.name, counter.model, counter.task, CostOf(spent)});
    }
  }

  std::mt19937& random_;
  const Timestamp epoch_;
  Timestamp next_scrape_;
  Timestamp away_until_{};
  std::vector<Counter> counters_;
  int pods_ = 0;
  int resets_ = 0;
  support::FakePrometheus prometheus_;
};

}  // namespace purser::controllers
