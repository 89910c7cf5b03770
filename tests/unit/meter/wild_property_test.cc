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

std::string Told(std::uint64_t seed, const Outcome& outcome) {
  return "seed " + std::to_string(seed) + ": booked " + std::to_string(outcome.booked) + " of " +
         std::to_string(outcome.truth) + ", held " + std::to_string(outcome.held) + ", gaps " +
         std::to_string(outcome.gaps);
}

double SpentUntil(const WildWorld& world, double time) {
  const auto& spent = world.spent_until.at(0);
  const auto step = static_cast<std::size_t>(std::max(0.0, time / WildMaker::kScrape));
  return static_cast<double>(spent[std::min(step, spent.size() - 1)]) / 1e9;
}

// The volume is gone at some moment: what follows is read with an empty ledger, whose first answer
// is a baseline. What the lost one knew is the status's to remember; from there on the mark holds,
// but that a total which was not shown just then cannot be told from a new one: it is booked where
// it may have been earned, and the journal says so.
TEST(WildWorlds, ALedgerThatIsLost) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    WildMaker maker(seed);
    maker.AddClient(0, maker.RandomTroubles());
    const double lost_at = maker.random().Between(.1, .9);
    const auto world = maker.Take();
    const double lag = world.longest_lag;
    Driver lost, found;
    lost.Answer(world.series, After(-100), After(10 + lag), true);
    bool is_lost = false;
    double twice = 0;  // read by both: the first answer reaches back
    for (double now = 15 + lag; now <= world.end + lag + 400; now += 15) {
      const auto from = After(now - 120 - lag);
      const bool first = !is_lost && now > world.end * lost_at + lag;
      is_lost = is_lost || first;
      if (first) twice = SpentUntil(world, now - lag) - SpentUntil(world, now - 135 - lag);
      (is_lost ? found : lost).Answer(world.series, from, After(now), first);
    }
    auto outcome = Of(found, world, 0);
    const auto before = Of(lost, world, 0);
    outcome.booked += before.booked;
    outcome.held += before.held;
    outcome.gaps += before.gaps;
    double first = 0;
    for (const auto& note : found.notes()) {
      if (note.kind == ledger::JournalKind::kFirstValue)
        first += static_cast<double>(note.amount) / 1e9;
    }
    const double sure = outcome.held + outcome.gaps + outcome.plausible;
    EXPECT_LE(outcome.booked, outcome.truth + sure + first + twice) << Told(seed, outcome);
    EXPECT_GE(outcome.booked, outcome.truth - sure) << Told(seed, outcome);
  }
}

// Nothing is read for longer than the source keeps. What was spent meanwhile and is not shown
// afterwards is missing, which the reader tells as a gap; never is more booked than was spent.
TEST(WildWorlds, AnOutageLongerThanTheSourceKeeps) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    WildMaker maker(seed);
    maker.AddClient(0, maker.RandomTroubles());
    const double begins = maker.random().Between(.1, .6);
    const double lasts = maker.random().Between(600, 3600);
    const double kept = maker.random().Between(60, 300);
    const bool restarts = maker.random().Chance(.5);
    const auto world = maker.Take();
    const double lag = world.longest_lag;
    const double from = world.end * begins + lag;
    const double until = from + lasts;
    Driver driver;
    driver.Answer(world.series, After(-100), After(10 + lag), true);
    bool out = false;
    for (double now = 15 + lag; now <= world.end + lag + lasts + 400; now += 15) {
      if (now >= from && now < until) {
        out = true;
        continue;
      }
      if (std::exchange(out, false) && restarts) driver.Restart();
      driver.Answer(world.series, After(now - std::min(kept, 120.0) - lag), After(now));
    }
    const auto outcome = Of(driver, world, 0);
    const double unseen = SpentUntil(world, until) - SpentUntil(world, from - lag - 15);
    const double sure = outcome.held + outcome.gaps + outcome.plausible;
    EXPECT_LE(outcome.booked, outcome.truth + sure) << Told(seed, outcome);
    EXPECT_GE(outcome.booked, outcome.truth - sure - unseen)
        << Told(seed, outcome) << ", unseen " << unseen;
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

WildWorld OneOfFourKinds(std::uint64_t seed) {
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
}

// The store takes no write from the nth answer on, for some; then it does, or the process is killed
// with all that waits, and the next goes on from what was written.
Driver StoreFailsFrom(const WildWorld& world, int answer, int answers, bool killed) {
  Driver driver;
  const double lag = world.longest_lag;
  driver.Answer(world.series, After(-100), After(10 + lag), true);
  int number = 0;
  for (double now = 15 + lag; now <= world.end + lag + 400; now += 15, ++number) {
    const bool ends = number == answer + answers;
    driver.StoreFails(number >= answer && number < answer + answers);
    if (ends && killed) driver.Restart();
    driver.Answer(world.series, After(now - 300 - lag), After(now));
  }
  return driver;
}

TEST(WildWorlds, AStoreThatFailsAfterAnyWriteLosesNothing) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const auto world = OneOfFourKinds(seed);
    const int answers = static_cast<int>((world.end + 400) / 15);
    const auto truth = KilledAt(world, -1, true);
    const auto never = Of(StoreFailsFrom(world, -1, 0, false), world, 0);
    for (int k = 0; k < answers; ++k) {
      for (const int lasts : {1, 4, 12}) {
        ASSERT_EQ(SumsOf(StoreFailsFrom(world, k, lasts, false)), truth)
            << "seed " << seed << ", answer " << k;
        // What waited is read again, in one answer and not in many: which of two twins is followed
        // may differ, by less than what is spent in a scrape or two.
        const auto outcome = Of(StoreFailsFrom(world, k, lasts, true), world, 0);
        ASSERT_NEAR(outcome.booked + outcome.held, never.booked + never.held, 30 * world.rate.at(0))
            << Told(seed, outcome) << ", answer " << k << " and " << lasts << " more";
      }
    }
  }
}

TEST(WildWorlds, AKillBetweenAnyTwoWritesChangesNothing) {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const auto world = OneOfFourKinds(seed);
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
