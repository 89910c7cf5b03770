#include "policy/ramp.h"

#include <gtest/gtest.h>

#include <limits>

#include "instant.h"

namespace purser::policy {
namespace {

using namespace std::chrono_literals;

TEST(RampedConcurrencyTest, DoublesEveryStep) {
  const std::tuple<std::int32_t, Duration, std::int32_t> cases[] = {
      {20, 0ms, 1},
      {20, 9'999ms, 1},
      {20, 10s, 2},
      {20, 20s, 4},
      {20, 30s, 8},
      {20, 40s, 16},
      {20, 50s, 20},
      {20, 24h, 20},
      {1, 0ms, 1},
      {0, 1h, 0},
      {-3, 1h, 0},
      {20, -1h, 1},
      {std::numeric_limits<std::int32_t>::max(), 300s, 1 << 30},
      {std::numeric_limits<std::int32_t>::max(), 310s, std::numeric_limits<std::int32_t>::max()},
      {5, 24h * 36'500, 5},
  };
  for (const auto& [maximum, since, want] : cases) {
    EXPECT_EQ(RampedConcurrency(maximum, since), want) << maximum << " after " << since.count();
  }
}

TEST(NextRampStepTest, IsWhenConcurrencyGrows) {
  const auto released = At("2026-11-23T00:00:00Z");
  EXPECT_EQ(NextRampStep(20, released, released), released + 10s);
  EXPECT_EQ(NextRampStep(20, released, released + 10s), released + 20s);
  EXPECT_EQ(NextRampStep(20, released, released + 49'999ms), released + 50s);
  EXPECT_EQ(NextRampStep(20, released, released + 50s),
            released + 50s);  // done: nothing to wait for
  EXPECT_EQ(NextRampStep(20, released, released - 1h), released + 10s);  // the clock stepped back
  for (const std::int32_t maximum : {2, 3, 7, 100, 1'000'000}) {
    auto now = released;
    std::int32_t steps = 0;
    for (auto at = RampedConcurrency(maximum, 0ms); at < maximum; ++steps) {
      const auto next = NextRampStep(maximum, released, now);
      ASSERT_GT(next, now);
      EXPECT_EQ(RampedConcurrency(maximum, next - released - 1ms), at);
      ASSERT_GT(RampedConcurrency(maximum, next - released), at);
      at = RampedConcurrency(maximum, next - released);
      now = next;
    }
    EXPECT_LE(steps, 20);
  }
}

}  // namespace
}  // namespace purser::policy
