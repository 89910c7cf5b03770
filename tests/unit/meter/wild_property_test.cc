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
  double gaps = 0;       // told: spent once more, if it began again while it was not seen
};

// Reads as a reader does, with answers thrown away and processes that end in between.
Driver DriverOf(const WildWorld& world) {
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
  return driver;
}
Driver DriverOf(WildMaker& maker) { return DriverOf(maker.Take()); }

Outcome Read(WildMaker& maker) {
  const auto world = maker.Take();
  const auto driver = DriverOf(world);
  Outcome outcome;
  const auto dollars = [](std::int64_t nanos) { return static_cast<double>(nanos) / 1e9; };
  outcome.truth = dollars(world.truth.at(0));
  outcome.booked = dollars(driver.booked());
  outcome.held = dollars(driver.held());
  for (const auto& note : driver.notes()) {
    if (note.kind == ledger::JournalKind::kGap) outcome.gaps += dollars(*note.from);
  }
  outcome.plausible = WildMaker::kScrape * std::max(1.0, 4 * world.rate.at(0));
  return outcome;
}

// The mark, of each seed: what is booked lies no further from the truth than what is held, what is
// told of gaps, and one plausible scrape.
template <typename Make>
void Holds(Make make) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    WildMaker maker(seed);
    make(maker);
    const auto outcome = Read(maker);
    EXPECT_LE(std::abs(outcome.booked - outcome.truth),
              outcome.held + outcome.gaps + outcome.plausible)
        << "seed " << seed << ": booked " << outcome.booked << " of " << outcome.truth << ", held "
        << outcome.held << ", gaps " << outcome.gaps;
  }
}

template <typename Set>
void HoldsWith(Set set) {
  Holds([&](WildMaker& maker) {
    Troubles troubles;
    if (maker.random().Chance(.3)) troubles.lag = maker.random().Between(0, 300);
    troubles.starts = maker.random().Chance(.3);
    set(troubles);
    maker.AddClient(0, troubles);
  });
}

TEST(WildWorlds, Crashes) {
  HoldsWith([](Troubles& t) { t.crash = .03; });
}
TEST(WildWorlds, Dips) {
  HoldsWith([](Troubles& t) { t.dip = .05; });
}
TEST(WildWorlds, StaleReplicas) {
  HoldsWith([](Troubles& t) { t.stale = .1; });
}
TEST(WildWorlds, Silence) {
  HoldsWith([](Troubles& t) {
    t.silence = .03;
    t.crash = .005;
  });
}
TEST(WildWorlds, TwinsThatCrash) {
  HoldsWith([](Troubles& t) {
    t.twin = true;
    t.crash = .005;
  });
}
TEST(WildWorlds, Rollouts) {
  HoldsWith([](Troubles& t) { t.rollout = .01; });
}
TEST(WildWorlds, Relabelling) {
  HoldsWith([](Troubles& t) {
    t.relabel = .02;
    t.crash = .005;
  });
}
TEST(WildWorlds, AllAtOnce) {
  Holds([](WildMaker& maker) { maker.AddClient(0, maker.RandomTroubles()); });
}
TEST(WildWorlds, Sums) {
  Holds([](WildMaker& maker) { maker.AddSum(0); });
}
TEST(WildWorlds, SeveralWriters) {
  Holds([](WildMaker& maker) { maker.AddWriters(0, 2 + maker.random().Below(2)); });
}
TEST(WildWorlds, Deltas) {
  Holds([](WildMaker& maker) { maker.AddDeltas(0); });
}

// Nowhere is more taken back in a minute than was booked in it.
TEST(WildWorlds, NoMinuteFallsBelowZero) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const bool writers : {false, true}) {
      WildMaker maker(seed);
      if (writers) {
        maker.AddWriters(0, 2 + maker.random().Below(3));
      } else {
        maker.AddClient(0, maker.RandomTroubles());
      }
      std::map<std::int64_t, std::int64_t> minutes;
      const auto driver = DriverOf(maker);
      for (const auto& booked : driver.bookings())
        minutes[ledger::MinuteOf(booked.at)] += booked.value;
      for (const auto& [minute, sum] : minutes) ASSERT_GE(sum, 0) << seed << " " << minute;
    }
  }
}

}  // namespace
}  // namespace purser::usage
