// What holds for windows of every period in every zone of the database, at random instants.
#include <date/tz.h>
#include <gtest/gtest.h>

#include <random>

#include "instant.h"
#include "policy/window.h"

namespace purser::policy {
namespace {

using api::Period;
using api::Weekday;

constexpr Period kPeriods[] = {Period::kHour, Period::kDay, Period::kWeek, Period::kMonth};

const Timestamp kSince = At("1990-01-01T00:00:00Z");

class WindowProperty : public testing::TestWithParam<Period> {
 protected:
  // Checks the window of `now` and both of its neighbours.
  static void Check(Timestamp now, const api::WindowSpec& spec) {
    const auto window = WindowAt(now, spec);
    ASSERT_TRUE(window.ok()) << spec.time_zone;
    const auto where = spec.time_zone + " at " + FormatUtc(now) + ": " + Text(*window);
    ASSERT_LE(window->start, now) << where;
    ASSERT_LT(now, window->end) << where;
    constexpr Duration kQuarter = std::chrono::minutes(15);
    ASSERT_EQ(window->start.time_since_epoch() % kQuarter, Duration::zero()) << where;
    ASSERT_EQ(window->end.time_since_epoch() % kQuarter, Duration::zero()) << where;

    // The same from its first and its last instant, and what adjoins starts and ends there.
    ASSERT_EQ(Text(*WindowAt(window->start, spec)), Text(*window)) << where;
    ASSERT_EQ(Text(*WindowAt(window->end - Duration(1), spec)), Text(*window)) << where;
    ASSERT_EQ(WindowAt(window->end, spec)->start, window->end) << where;
    ASSERT_EQ(WindowBefore(*window, spec)->end, window->start) << where;
    if (spec.period == Period::kHour) {
      ASSERT_LE(window->end - window->start, std::chrono::hours(1)) << where;
    }
  }
};

TEST_P(WindowProperty, HalfOpenAdjoiningQuarterHours) {
  std::mt19937_64 random(20261123);
  const auto first = kSince.time_since_epoch().count();
  const auto last = At("2037-06-01T00:00:00Z").time_since_epoch().count();
  std::uniform_int_distribution<std::int64_t> instant(first, last);
  const auto& zones = date::get_tzdb().zones;
  ASSERT_GT(zones.size(), 400U);
  for (const auto& zone : zones) {
    for (int i = 0; i < 12; ++i) {
      Check(Timestamp(Duration(instant(random))),
            {GetParam(), zone.name(), static_cast<Weekday>(1 + i % 7)});
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(WindowProperty, AroundEveryChangeOfOffset) {
  const auto end = date::floor<std::chrono::seconds>(At("2030-01-01T00:00:00Z"));
  for (const auto& zone : date::get_tzdb().zones) {
    auto time = date::floor<std::chrono::seconds>(At("2005-01-01T00:00:00Z"));
    while (time < end) {
      const auto change = zone.get_info(time).end;
      if (change >= end) break;
      for (const auto shift : {-3601, -1, 0, 1799, 3600}) {
        Check(change + std::chrono::seconds(shift), {GetParam(), zone.name(), Weekday::kSunday});
        if (HasFatalFailure()) return;
      }
      time = change;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Periods, WindowProperty, testing::ValuesIn(kPeriods));

}  // namespace
}  // namespace purser::policy
