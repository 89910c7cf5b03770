// Wild worlds: whatever is done to the counters, what was truly spent is booked, or held and told.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "unit/meter/wild_world.h"

namespace purser::usage {
namespace {

constexpr std::uint64_t kSeeds = 2'000;

struct Outcome {
  double truth = 0, booked = 0, held = 0;
  double plausible = 0;  // of one scrape
};

// Reads as a reader does, with answers thrown away and processes that end in between.
Outcome Read(WildMaker& maker) {
  const auto world = maker.Take();
  Random random(17);
  Driver driver;
  const double lag = world.longest_lag;
  driver.Answer(world.series, After(-100), After(10 + lag), true);
  for (double now = 15 + lag; now <= world.end + lag + 400; now += 15) {
    const auto from = After(now - 120 - lag);
    if (random.Chance(.05)) driver.Answer(world.series, from, After(now), false, true);
    if (random.Chance(.01)) driver.Restart();
    driver.Answer(world.series, from, After(now));
  }
  Outcome outcome;
  const auto dollars = [](std::int64_t nanos) { return static_cast<double>(nanos) / 1e9; };
  outcome.truth = dollars(world.truth.at(0));
  outcome.booked = dollars(driver.booked());
  outcome.held = dollars(driver.held());
  outcome.plausible = WildMaker::kScrape * std::max(1.0, 4 * world.rate.at(0));
  return outcome;
}

// How many of the seeds are off by more than what is held and `scrapes` plausible scrapes.
template <typename Make>
std::uint64_t Off(double scrapes, Make make) {
  std::uint64_t off = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    WildMaker maker(seed);
    make(maker);
    const auto outcome = Read(maker);
    if (std::abs(outcome.booked - outcome.truth) > outcome.held + scrapes * outcome.plausible)
      ++off;
  }
  return off;
}

template <typename Set>
std::uint64_t OffWith(Set set) {
  return Off(1, [&](WildMaker& maker) {
    Troubles troubles;
    if (maker.random().Chance(.3)) troubles.lag = maker.random().Between(0, 300);
    troubles.starts = maker.random().Chance(.3);
    set(troubles);
    maker.AddClient(0, troubles);
  });
}

TEST(WildWorlds, Crashes) {
  EXPECT_EQ(OffWith([](Troubles& t) { t.crash = .03; }), 0u);
}
TEST(WildWorlds, Dips) {
  EXPECT_EQ(OffWith([](Troubles& t) { t.dip = .05; }), 0u);
}
TEST(WildWorlds, StaleReplicas) {
  EXPECT_EQ(OffWith([](Troubles& t) { t.stale = .1; }), 0u);
}
// A restart in a silence, above the old value and without a start time, cannot be known.
TEST(WildWorlds, Silence) {
  EXPECT_LE(OffWith([](Troubles& t) {
              t.silence = .03;
              t.crash = .005;
            }) * 500,
            kSeeds);
}
TEST(WildWorlds, TwinsThatCrash) {
  EXPECT_EQ(OffWith([](Troubles& t) {
              t.twin = true;
              t.crash = .005;
            }),
            0u);
}

// Where two readings of what is shown are both plausible the wrong one may be booked, seldom: a
// small total under a new name, a sum that gains a little.
TEST(WildWorlds, Rollouts) {
  EXPECT_LE(OffWith([](Troubles& t) { t.rollout = .01; }) * 50, kSeeds);
}
TEST(WildWorlds, Relabelling) {
  EXPECT_LE(OffWith([](Troubles& t) {
              t.relabel = .02;
              t.crash = .005;
            }) * 50,
            kSeeds);
}
TEST(WildWorlds, AllAtOnce) {
  EXPECT_LE(Off(1, [](WildMaker& maker) { maker.AddClient(0, maker.RandomTroubles()); }) * 50,
            kSeeds);
}
TEST(WildWorlds, Sums) {
  EXPECT_LE(Off(1, [](WildMaker& maker) { maker.AddSum(0); }) * 50, kSeeds);
}
TEST(WildWorlds, SeveralWriters) {
  EXPECT_LE(Off(2, [](WildMaker& maker) { maker.AddWriters(0, 2 + maker.random().Below(2)); }) * 20,
            kSeeds);
}
TEST(WildWorlds, Deltas) {
  EXPECT_LE(Off(3, [](WildMaker& maker) { maker.AddDeltas(0); }) * 50, kSeeds);
}

}  // namespace
}  // namespace purser::usage
