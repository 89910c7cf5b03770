#include "policy/poll_interval.h"

#include <gtest/gtest.h>

#include <limits>

namespace purser::policy {
namespace {

using namespace std::chrono_literals;
using api::Action;

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

const std::vector<api::Threshold> kUsual = {{80, Action::kThrottle}, {100, Action::kStop}};

struct Case {
  const char* name;
  std::int64_t spent, limit, last_5_minutes;
  std::vector<api::Threshold> thresholds;
  std::optional<Duration> want;
};

TEST(TimeToNextThresholdTest, AtTheRateOfTheLastFiveMinutes) {
  const Case cases[] = {
      {"to the first", 30, 50, 5, kUsual, 10min},
      {"to the second", 40, 50, 5, kUsual, 10min},
      {"all reached", 50, 50, 5, kUsual, std::nullopt},
      {"far beyond", 500, 50, 5, kUsual, std::nullopt},
      {"nothing spent of late", 30, 50, 0, kUsual, std::nullopt},
      {"impossible rate", 30, 50, -5, kUsual, std::nullopt},
      {"no thresholds", 30, 50, 5, {}, std::nullopt},
      {"limit zero: all reached", 0, 0, 5, kUsual, std::nullopt},
      {"unsorted", 30, 50, 5, {{100, Action::kStop}, {80, Action::kThrottle}}, 10min},
      {"above the limit", 50, 50, 5, {{100, Action::kNotify}, {120, Action::kStop}}, 10min},
      {"in more than a year", 0, 900'000'000, 1, kUsual, std::nullopt},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(TimeToNextThreshold(Dollars(c.spent), Dollars(c.limit), c.thresholds,
                                  Dollars(c.last_5_minutes)),
              c.want)
        << c.name;
  }
}

TEST(TimeToNextThresholdTest, RoundsDownAndDoesNotOverflow) {
  EXPECT_EQ(
      TimeToNextThreshold(Money::FromNanos(79), Money::FromNanos(100), kUsual, Money::FromNanos(7)),
      Duration(300'000 / 7));
  const auto most = Money::FromNanos(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(TimeToNextThreshold(Money(), most, {{1000, Action::kStop}}, most), 50min);
  EXPECT_EQ(TimeToNextThreshold(Money(), Dollars(1), kUsual, most), 0ms);
}

TEST(PollIntervalTest, ShrinksAsACrossingComesNear) {
  const std::pair<std::optional<Duration>, Duration> cases[] = {
      {std::nullopt, 15s}, {24h, 15s}, {30s, 15s}, {29s, 14'500ms},
      {15s, 7'500ms},      {4s, 2s},   {2s, 1s},   {100ms, 1s},
      {0ms, 1s},
  };
  for (const auto& [nearest, want] : cases) {
    EXPECT_EQ(PollInterval(15s, nearest), want) << (nearest ? nearest->count() : -1);
  }
  // A configured interval below a second is kept.
  EXPECT_EQ(PollInterval(500ms, 0ms), 500ms);
}

// However steadily it burns, the poll before a crossing is at most a second (or half the way)
// before it.
TEST(PollIntervalTest, IsDenseWhenTheThresholdIsCrossed) {
  for (const Duration start : {7s, 31s, 44s, 100s, 1000s}) {
    Duration left = start;
    Duration step = 15s;
    while (left > 0ms) {
      step = PollInterval(15s, left);
      left -= step;
    }
    EXPECT_LE(step, 1s) << start.count();
  }
}

}  // namespace
}  // namespace purser::policy
