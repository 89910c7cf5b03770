// Wild worlds: whatever is done to the counters, what was truly spent is booked, or held and told.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

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
// `odd`: the key of a neighbour that shows no numbers, if there is one.
Driver DriverOf(const WildWorld& world, std::optional<std::uint32_t> odd = std::nullopt) {
  Random random(17);
  Driver driver;
  const double lag = world.longest_lag;
  driver.Answer(world.series, After(-100), After(10 + lag), true);
  for (double now = 15 + lag; now <= world.end + lag + 400; now += 15) {
    const auto from = After(now - 120 - lag);
    if (random.Chance(.05)) driver.Answer(world.series, from, After(now), false, true);
    if (random.Chance(.01)) driver.Restart();
    driver.Answer(world.series, from, After(now), false, false, 100'000, odd);
  }
  return driver;
}
Driver DriverOf(WildMaker& maker) { return DriverOf(maker.Take()); }

Outcome Of(const Driver& driver, const WildWorld& world, std::uint32_t key) {
  Outcome outcome;
  const auto dollars = [](std::int64_t nanos) { return static_cast<double>(nanos) / 1e9; };
  outcome.truth = dollars(world.truth.at(key));
  outcome.booked = dollars(driver.booked(key));
  outcome.held = dollars(driver.held(key));
  for (const auto& note : driver.notes()) {
    if (note.kind == ledger::JournalKind::kGap && note.key == key)
      outcome.gaps += dollars(*note.from);
  }
  outcome.plausible = WildMaker::kScrape * std::max(1.0, 4 * world.rate.at(key));
  return outcome;
}
Outcome Read(WildMaker& maker) {
  const auto world = maker.Take();
  return Of(DriverOf(world), world, 0);
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

// Every kind beside each other, one meter for all, and a neighbour that shows no numbers.
TEST(WildWorlds, EveryKindBesideTheOthers) {
  constexpr std::uint32_t kKeys = 6;
  for (std::uint64_t seed = 0; seed < kSeeds / 4; ++seed) {
    WildMaker maker(seed);
    maker.AddClient(0, maker.RandomTroubles());
    maker.AddClient(1, maker.RandomTroubles());
    maker.AddWriters(2, 2 + maker.random().Below(2));
    maker.AddSum(3);
    maker.AddDeltas(4);
    maker.AddClient(5, {.relabel = .02, .twin = true, .starts = maker.random().Chance(.5)});
    const auto world = maker.Take();
    const auto driver = DriverOf(world, 6);
    for (std::uint32_t key = 0; key < kKeys; ++key) {
      const auto outcome = Of(driver, world, key);
      EXPECT_LE(std::abs(outcome.booked - outcome.truth),
                outcome.held + outcome.gaps + outcome.plausible)
          << "seed " << seed << ", key " << key << ": booked " << outcome.booked << " of "
          << outcome.truth << ", held " << outcome.held;
    }
    EXPECT_EQ(driver.booked(kKeys), 0);
    EXPECT_GT(driver.CountOf(ledger::JournalKind::kQuarantine), 0u);
  }
}

// What each minute comes to, booked and held.
using Sums = std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>>;
Sums SumsOf(const Driver& driver) {
  Sums sums;
  for (const auto& booked : driver.bookings())
    sums[ledger::MinuteOf(booked.at)].first += booked.value;
  for (const auto& note : driver.notes()) {
    if (note.held) sums[ledger::MinuteOf(note.at)].second += note.amount;
  }
  std::erase_if(
      sums, [](const auto& sum) { return sum.second == std::pair<std::int64_t, std::int64_t>(); });
  return sums;
}

// A process dies at the nth answer, before it is written or after; the next goes on from the store.
Sums KilledAt(const WildWorld& world, int answer, bool written) {
  Driver driver;
  const double lag = world.longest_lag;
  driver.Answer(world.series, After(-100), After(10 + lag), true);
  int number = 0;
  for (double now = 15 + lag; now <= world.end + lag + 400; now += 15) {
    const bool dies = number++ == answer;
    const auto from = After(now - 300 - lag);
    if (dies && !written) driver.Answer(world.series, from, After(now), false, true);
    if (dies && !written) driver.Restart();
    driver.Answer(world.series, from, After(now));
    if (dies && written) driver.Restart();
  }
  return SumsOf(driver);
}

TEST(WildWorlds, AKillBetweenAnyTwoWritesChangesNothing) {
  const auto make = [](std::uint64_t seed) {
    WildMaker maker(seed);
    switch (seed % 4) {
      case 0:
        maker.AddClient(0, maker.RandomTroubles());
        break;
      case 1:
        maker.AddWriters(0, 2 + maker.random().Below(2));
        break;
      case 2:
        maker.AddSum(0);
        break;
      default:
        maker.AddDeltas(0);
    }
    return maker.Take();
  };
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const auto world = make(seed);
    const int answers = static_cast<int>((world.end + 400) / 15);
    const auto truth = KilledAt(world, -1, true);
    for (int k = 0; k < answers; ++k) {
      for (const bool written : {false, true})
        ASSERT_EQ(KilledAt(world, k, written), truth) << "seed " << seed << ", answer " << k;
    }
  }
}

}  // namespace
}  // namespace purser::usage
