#include "policy/overspend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace purser::policy {
namespace {

using std::chrono::seconds;

TEST(OverspendBoundTest, IsTheSpeedOverAllThatLiesBetween) {
  // A minute in flight, 30 s until it is seen, 5 s to act, 25 s of drain, 60 s of grace: 3 minutes.
  EXPECT_EQ(OverspendBound(Quantity::Of(7), {seconds(30), seconds(25), seconds(60)}),
            Quantity::Of(21));
  EXPECT_EQ(OverspendBound(Quantity(), {seconds(30), seconds(25), seconds(60)}), Quantity());
  EXPECT_EQ(OverspendBound(Quantity::Of(1), {}), Quantity::Of(2)) << "rounded up";
  EXPECT_EQ(OverspendBound(Quantity::Of(std::numeric_limits<std::int64_t>::max()), {}),
            Quantity::Of(std::numeric_limits<std::int64_t>::max()));
}

// An agent whose spend changes from second to second, metered at the end of its calls, scraped and
// polled at any phase, drained and killed at the last moment: what it spent over its limit when its
// last pod has ended is never above the bound that was told when the limit was seen to be reached.
class Overspending {
 public:
  explicit Overspending(unsigned seed) : random_(seed) {}

  // By how much it was overspent, and the bound.
  std::pair<std::int64_t, std::int64_t> Measured() {
    const int scrape = Draw(1, 60);
    const int poll = Draw(1, 60);
    const int phase = Draw(0, poll - 1);
    const int drain = Draw(0, 120);
    const int grace = Draw(0, 90);
    const int call = Draw(0, 60);
    const std::int64_t dearest = 60 * std::int64_t{Draw(1, 20'000)};
    // Not reached before the first hour has been seen.
    const std::int64_t limit = 65 * dearest + Draw(0, 100) * dearest / 10;
    std::int64_t all = 0;
    std::int64_t metered = 0;
    std::int64_t scraped = 0;
    std::vector<std::int64_t> speeds;
    for (int second = 0;; ++second) {
      // One minute of each half hour is the dearest; the others are any.
      if (second % 60 == 0)
        speeds.push_back(second % 1800 == 0 ? dearest / 60
                                            : Draw(0, static_cast<int>(dearest / 60)));
      all += speeds.back();
      if (second >= call) metered += speeds[static_cast<std::size_t>((second - call) / 60)];
      if (second % scrape == 0) scraped = metered;
      if (second % poll == phase && scraped >= limit) break;
    }
    // It goes on at full speed to the very end.
    all += (drain + grace) * (dearest / 60);
    const StopDelay delay{seconds(scrape + poll), seconds(drain), seconds(grace)};
    return {all - limit, OverspendBound(Quantity::Of(dearest), delay).count()};
  }

 private:
  int Draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  std::mt19937 random_;
};

TEST(OverspendBoundTest, IsNeverPassed) {
  std::int64_t nearest = 0;  // in percent
  for (unsigned seed = 1; seed <= 1000; ++seed) {
    const auto [over, bound] = Overspending(seed).Measured();
    ASSERT_LE(over, bound) << seed;
    nearest = std::max(nearest, over * 100 / bound);
  }
  EXPECT_GT(nearest, 75) << "a bound that far away says nothing";
}

}  // namespace
}  // namespace purser::policy
