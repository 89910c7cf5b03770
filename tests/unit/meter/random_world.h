// Worlds whose spend is known, out of a seed: the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "unit/meter/meter_driver.h"

namespace purser::usage {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed * 2 + 1) {}
  // Not distributions of the library: those differ between implementations.
  double Unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double Between(double low, double high) { return low + (high - low) * Unit(); }
  int Below(int bound) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(bound)); }
  bool Chance(double probability) { return Unit() < probability; }
  double Exponential() { return -std::log(1 - Unit()); }

 private:
  std::mt19937_64 engine_;
};

struct CleanWorld {
  std::vector<RawSeries> series;
  double end = 0;
  std::int64_t truth = 0;
  // Of it: what a restart above the old value hides from anyone who does not know start times.
  std::int64_t hidden = 0;
};

// Pods of a Deployment and a StatefulSet: they spend, crash, roll, are not scraped now and then,
// and show themselves with spend at once.
inline CleanWorld MakeCleanWorld(std::uint64_t seed, bool starts) {
  constexpr double kScrape = 15;
  Random random(seed);
  struct Pod {
    std::size_t series;
    std::int64_t value = 0;
    double start = 0;
    bool stateful = false;
    bool shown = false;
    std::int64_t shown_value = 0;
    double shown_start = 0;
  };
  CleanWorld world;
  std::vector<Pod> pods;
  const auto add = [&](double start, bool stateful) {
    RawSeries series;
    series.identity = world.series.size() + 1;
    world.series.push_back(series);
    Pod pod;
    pod.series = world.series.size() - 1;
    pod.start = start;
    pod.stateful = stateful;
    return pod;
  };
  const double rate = std::pow(10, random.Between(-4, -0.3));
  for (int i = 1 + random.Below(5); i > 0; --i) pods.push_back(add(0, random.Chance(.5)));
  for (int step = 100 + random.Below(301); step > 0; --step) {
    world.end += kScrape;
    for (auto& pod : pods) {
      if (random.Chance(.01)) {
        const double start = world.end - random.Between(0, kScrape);
        if (!pod.stateful) pod = add(start, false);
        pod.start = start;
        pod.value = 0;
        if (random.Chance(.5))
          pod.value = Dollars(rate * (world.end - start) * random.Between(0, 2));
      } else if (random.Chance(.7)) {
        pod.value += Dollars(rate * kScrape * random.Exponential());
      }
      if (random.Chance(.02)) continue;
      const bool restarted = pod.shown && pod.start != pod.shown_start;
      if (!pod.shown || restarted) {
        world.truth += pod.value;
        if (restarted && pod.value >= pod.shown_value) world.hidden += pod.shown_value;
      } else {
        world.truth += pod.value - pod.shown_value;
      }
      auto& series = world.series[pod.series];
      if (starts) {
        series.Add(world.end, pod.value, pod.start);
      } else {
        series.Add(world.end, pod.value);
      }
      pod.shown = true;
      pod.shown_value = pod.value;
      pod.shown_start = pod.start;
    }
  }
  return world;
}

}  // namespace purser::usage
