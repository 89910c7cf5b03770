#include "ledger/recent_minutes.h"

#include <gtest/gtest.h>

namespace purser::ledger {
namespace {

using namespace std::chrono_literals;

Amounts Nanos(std::int64_t amount) { return CostOf(Money::FromNanos(amount)); }
Amounts Dollars(std::int64_t amount) { return Nanos(amount * Money::kNanosPerDollar); }
Timestamp At(Duration since_1970) { return Timestamp(since_1970); }

TEST(RecentMinutes, CountsWholeMinutesInside) {
  RecentMinutes minutes;
  for (std::int64_t minute = 0; minute < 200; ++minute)
    EXPECT_TRUE(minutes.Add(minute, Dollars(1)));
  // At a full minute the present one counts as begun: 59 more and the oldest one whole.
  EXPECT_EQ(minutes.Sum(At(199min), 60min), Dollars(61));
  EXPECT_EQ(minutes.Sum(At(199min), 5min), Dollars(6));
}

TEST(RecentMinutes, TakesOnlyTheShareOfTheOldestMinute) {
  RecentMinutes minutes;
  for (std::int64_t minute = 0; minute < 200; ++minute) minutes.Add(minute, Dollars(1));
  // 30 s into minute 199: half of minute 194 lies within five minutes.
  EXPECT_EQ(minutes.Sum(At(199min + 30s), 5min), Dollars(5) + Nanos(500'000'000));
  EXPECT_EQ(minutes.Sum(At(199min + 59s + 999ms), 5min), Dollars(5) + Nanos(16'667));
}

TEST(RecentMinutes, RoundsTheShareUp) {
  RecentMinutes minutes;
  minutes.Add(0, Nanos(1));
  EXPECT_EQ(minutes.Sum(At(5min + 59s), 5min), Nanos(1));
}

TEST(RecentMinutes, ForgetsAndIgnores) {
  RecentMinutes minutes;
  EXPECT_TRUE(minutes.Add(100, Dollars(7)));
  EXPECT_EQ(minutes.Sum(At(100min + 20s), 60min), Dollars(7));
  EXPECT_EQ(minutes.Sum(At(161min), 60min), Amounts());
  EXPECT_EQ(minutes.Sum(At(99min), 60min), Amounts());  // the clock went back
  EXPECT_TRUE(minutes.Add(161, Dollars(1)));            // the same slot
  EXPECT_FALSE(minutes.Add(100, Dollars(1)));
  EXPECT_FALSE(minutes.Add(-1, Dollars(1)));
  EXPECT_EQ(minutes.Sum(At(161min), 60min), Dollars(1));
}

TEST(RecentMinutes, SaturatesInsteadOfOverflowing) {
  RecentMinutes minutes;
  const Amounts most = Nanos(INT64_MAX);
  minutes.Add(10, most);
  minutes.Add(10, most);
  minutes.Add(11, most);
  EXPECT_EQ(minutes.Sum(At(11min + 30s), 5min), most);
}

}  // namespace
}  // namespace purser::ledger
