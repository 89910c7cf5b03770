#include "policy/latch.h"

#include <gtest/gtest.h>

namespace purser::policy {
namespace {

using std::chrono::minutes;

const Timestamp kNow = Timestamp(std::chrono::seconds(1'800'000'000));

TEST(LatchTest, EnteredAtTheValueAndLeftBelowNineTenthsOfItAfterFiveMinutes) {
  auto latch = Step({}, false, true, kNow);
  EXPECT_FALSE(latch.on) << "near is not there";
  latch = Step(latch, true, true, kNow);
  EXPECT_TRUE(latch.on);
  latch = Step(latch, false, true, kNow + minutes(1));
  EXPECT_TRUE(latch.on) << "between nine tenths and the value";
  latch = Step(latch, false, false, kNow + minutes(2));
  EXPECT_TRUE(latch.on) << "below for no time yet";
  latch = Step(latch, false, false, kNow + minutes(6));
  EXPECT_TRUE(latch.on) << "below for four minutes";
  latch = Step(latch, false, true, kNow + minutes(6));
  latch = Step(latch, false, false, kNow + minutes(7));
  latch = Step(latch, false, false, kNow + minutes(11));
  EXPECT_TRUE(latch.on) << "the five minutes begin anew";
  latch = Step(latch, false, false, kNow + minutes(12));
  EXPECT_FALSE(latch.on);
}

TEST(LatchTest, AClockThatStepsBackHoldsItNoLongerThanItsFiveMinutes) {
  const Latch before{true, kNow + minutes(30)};
  const auto latch = Step(before, false, false, kNow);
  EXPECT_TRUE(latch.on);
  EXPECT_FALSE(Step(latch, false, false, kNow + minutes(5)).on);
}

}  // namespace
}  // namespace purser::policy
