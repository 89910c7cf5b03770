// Clean worlds: pods that spend, crash, roll and are not scraped now and then; the truth is known.
#include <gtest/gtest.h>

#include "unit/meter/random_world.h"

namespace purser::usage {
namespace {

constexpr std::uint64_t kSeeds = 3'000;
constexpr Polling kPolling{15, 15, 60, false};

TEST(CleanWorlds, AreExactWhereAnswersCarryStartTimes) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto world = MakeCleanWorld(seed, true);
    for (auto& series : world.series) series.starts_in_answer = true;
    Driver driver;
    Poll(driver, world.series, 15, world.end + 60, kPolling);
    ASSERT_EQ(driver.booked(), world.truth) << seed;
    ASSERT_EQ(driver.held(), 0) << seed;
  }
}

// What a restart above the old value hides is asked about only after a gap.
TEST(CleanWorlds, AreExactWhereStartTimesAreAskedFor) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto world = MakeCleanWorld(seed, true);
    Driver driver;
    Poll(driver, world.series, 15, world.end + 60, kPolling);
    ASSERT_GE(driver.booked(), world.truth - world.hidden) << seed;
    ASSERT_LE(driver.booked(), world.truth) << seed;
    ASSERT_EQ(driver.held(), 0) << seed;
  }
}

TEST(CleanWorlds, AreNearlyAllExactWithoutStartTimes) {
  std::uint64_t inexact = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto world = MakeCleanWorld(seed, false);
    Driver driver;
    Poll(driver, world.series, 15, world.end + 120, kPolling);
    const auto least = world.truth - world.hidden;
    if (driver.booked() < least || driver.booked() > world.truth) ++inexact;
    ASSERT_GE(driver.booked() + driver.held(), least - least / 100) << seed;
    ASSERT_LE(driver.booked() + driver.held(), world.truth + world.truth / 100) << seed;
  }
  EXPECT_LE(inexact * 200, kSeeds) << "99.5 %";
}

}  // namespace
}  // namespace purser::usage
