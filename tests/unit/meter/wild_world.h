// Counters as they are met outside: what they truly spent is known, what is shown of it is not
// kind.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "unit/meter/random_world.h"

namespace purser::usage {

// All that may befall one client's counter, each with its own likelihood a scrape.
struct Troubles {
  double crash = 0;    // begins again
  double dip = 0;      // shown a little lower, for a while
  double stale = 0;    // shown as it was a scrape ago
  double silence = 0;  // not shown for up to 20 scrapes
  double rollout = 0;  // goes on under another identity
  double relabel = 0;  // goes on under another label that identity does not know
  bool twin = false;   // shown twice, a second apart
  double lag = 0;      // seconds until a sample is there
  double skew = 0;     // seconds by which its times are off
  bool starts = false;
};

struct WildWorld {
  std::vector<RawSeries> series;
  double end = 0;
  double longest_lag = 0;
  std::map<std::uint32_t, std::int64_t> truth;  // by key
  std::map<std::uint32_t, double> rate;         // dollars a second
  // Of clients: what was truly spent until each scrape.
  std::map<std::uint32_t, std::vector<std::int64_t>> spent_until;
};

class WildMaker {
 public:
  explicit WildMaker(std::uint64_t seed) : random_(seed) {
    steps_ = 100 + random_.Below(200);
    world_.end = kScrape * steps_;
  }

  static constexpr double kScrape = 15;

  Troubles RandomTroubles() {
    Troubles troubles;
    const auto maybe = [&](double most) {
      return random_.Chance(.35) ? random_.Between(0, most) : 0;
    };
    troubles.crash = maybe(.02);
    troubles.dip = maybe(.05);
    troubles.stale = maybe(.1);
    troubles.silence = maybe(.02);
    troubles.rollout = maybe(.01);
    troubles.relabel = maybe(.01);
    troubles.twin = random_.Chance(.3);
    troubles.lag = random_.Chance(.3) ? random_.Between(0, 600) : 0;
    troubles.skew = random_.Chance(.3) ? random_.Between(-5, 5) : 0;
    troubles.starts = random_.Chance(.3);
    return troubles;
  }

  // One client that had spent something before reading began.
  void AddClient(std::uint32_t key, const Troubles& troubles) {
    const double rate = RandomRate(key);
    std::int64_t value = RandomTotal();
    std::int64_t shown_of_life = value;  // the most that anybody saw
    std::int64_t spent = -value;         // of lives that ended, less the baseline
    std::int64_t before = value;
    double start = -100'000;
    double start_before = start;
    std::uint64_t identity = ++identities_;
    std::uint64_t raw = 1;
    std::size_t one = New(key, identity, raw, troubles);
    std::size_t two = troubles.twin ? New(key, identity, raw + 1000, troubles) : 0;
    int silent = 0, dipping = 0, twin_silent = 0;
    for (int step = 0; step < steps_; ++step) {
      const double now = kScrape * step;
      before = value;
      start_before = start;
      if (step > 0 && random_.Chance(troubles.crash)) {
        spent += shown_of_life;
        shown_of_life = 0;
        start = now - random_.Between(0, kScrape);
        value = Dollars(rate * (now - start) * random_.Between(0, 1.5));
      } else if (step > 0 && random_.Chance(.7)) {
        value += Dollars(rate * kScrape * random_.Exponential());
      }
      if (step > 2 && random_.Chance(troubles.rollout)) {
        identity = ++identities_;
        one = New(key, identity, raw, troubles);
        if (troubles.twin) two = New(key, identity, raw + 1000, troubles);
        silent = random_.Below(6);
      }
      if (step > 2 && random_.Chance(troubles.relabel)) one = New(key, identity, ++raw, troubles);
      if (step > 2 && random_.Chance(troubles.silence)) silent = random_.Below(20);
      if (random_.Chance(troubles.dip)) dipping = 1 + random_.Below(5);
      if (random_.Chance(troubles.twin ? .01 : 0)) twin_silent = random_.Below(20);
      std::int64_t shown = value;
      double shown_start = start;
      if (step > 0 && random_.Chance(troubles.stale)) {
        shown = before;
        shown_start = start_before;
      }
      if (dipping-- > 0) shown -= std::min<std::int64_t>(shown / 2000, kDollar / 10);
      const bool first = step == 0;
      if (silent-- <= 0 || first) {
        if (twin_silent-- <= 0 || first) Show(one, now + troubles.skew, shown, shown_start);
        if (troubles.twin) Show(two, now + troubles.skew + 1, value, start);
        if (shown_start == start) shown_of_life = std::max(shown_of_life, shown);
        if (troubles.twin) shown_of_life = std::max(shown_of_life, value);
      }
      world_.spent_until[key].push_back(spent + shown_of_life);
    }
    world_.truth[key] += spent + shown_of_life;
  }

  // Several processes that answer one address in turns.
  void AddWriters(std::uint32_t key, int count) {
    const double rate = RandomRate(key);
    std::vector<std::int64_t> values, first(static_cast<std::size_t>(count), -1);
    std::vector<std::int64_t> last(static_cast<std::size_t>(count), 0);
    for (int i = 0; i < count; ++i) values.push_back(Dollars(std::pow(10, random_.Between(-1, 3))));
    const std::size_t series = New(key, ++identities_, 1, {});
    const int hold = 1 + random_.Below(6);
    std::size_t writer = 0;
    const bool spends = random_.Chance(.5);
    for (int step = 0; step < steps_; ++step) {
      if (spends) {
        for (auto& value : values) value += Dollars(rate * kScrape * random_.Between(0, 2) / count);
      }
      if (step % hold == 0)
        writer = random_.Chance(.7) ? (writer + 1) % values.size()
                                    : static_cast<std::size_t>(random_.Below(count));
      Show(series, kScrape * step, values[writer], -100'000);
      if (first[writer] < 0) first[writer] = values[writer];
      last[writer] = values[writer];
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      if (first[i] >= 0) world_.truth[key] += last[i] - first[i];
  }

  // A recorded sum over pods that come, with or without a past, and go.
  void AddSum(std::uint32_t key) {
    const double rate = RandomRate(key);
    std::vector<std::int64_t> members;
    for (int i = 2 + random_.Below(4); i > 0; --i) members.push_back(RandomTotal());
    const std::size_t series = New(key, ++identities_, 1, {});
    world_.series[series].aggregated = true;
    for (int step = 0; step < steps_; ++step) {
      if (step > 0 && members.size() > 1 && random_.Chance(.01))
        members.erase(members.begin() + random_.Below(static_cast<int>(members.size())));
      if (step > 0 && random_.Chance(.01))
        members.push_back(random_.Chance(.5) ? 0 : RandomTotal());
      std::int64_t sum = 0;
      for (auto& member : members) {
        if (step > 0) {
          const auto growth =
              Dollars(rate * kScrape * random_.Between(0, 2) / static_cast<double>(members.size()));
          member += growth;
          world_.truth[key] += growth;
        }
        sum += member;
      }
      Show(series, kScrape * step, sum, -100'000);
    }
  }

  // What was spent since the last sample, instead of a total.
  void AddDeltas(std::uint32_t key) {
    const double rate = RandomRate(key);
    const std::size_t series = New(key, ++identities_, 1, {});
    for (int step = 0; step < steps_; ++step) {
      const auto value = Dollars(rate * kScrape * random_.Exponential());
      Show(series, kScrape * step, value, -100'000);
      if (step > 0) world_.truth[key] += value;
    }
  }

  WildWorld Take() { return std::move(world_); }
  Random& random() { return random_; }

 private:
  double RandomRate(std::uint32_t key) {
    const double rate = std::pow(10, random_.Between(-3.5, -0.5));
    world_.rate[key] = std::max(world_.rate[key], rate);
    return rate;
  }
  std::int64_t RandomTotal() { return Dollars(std::pow(10, random_.Between(-1, 4.5))); }

  std::size_t New(std::uint32_t key, std::uint64_t identity, std::uint64_t raw,
                  const Troubles& troubles) {
    RawSeries series;
    series.key = key;
    series.identity = identity;
    series.raw = raw;
    series.lag = Duration(static_cast<std::int64_t>(troubles.lag * 1000));
    has_starts_.push_back(troubles.starts);
    world_.longest_lag = std::max(world_.longest_lag, troubles.lag);
    world_.series.push_back(series);
    return world_.series.size() - 1;
  }
  void Show(std::size_t number, double at, std::int64_t value, double start) {
    auto& series = world_.series[number];
    if (!series.samples.empty() && series.samples.back().at >= After(at)) return;
    if (has_starts_[number]) {
      series.Add(at, value, start);
    } else {
      series.Add(at, value);
    }
  }

  Random random_;
  int steps_ = 0;
  std::uint64_t identities_ = 0;
  std::vector<bool> has_starts_;
  WildWorld world_;
};

}  // namespace purser::usage
