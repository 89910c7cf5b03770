#include "controllers/agent_budget/nearest_thresholds.h"

#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

using std::chrono::seconds;
const Timestamp kNow = Timestamp(seconds(1'800'000'000));

TEST(NearestThresholdsTest, NoOtherBudgetCancelsTheNearest) {
  NearestThresholds nearest;
  nearest.Set({"a", "near"}, "default", kNow + seconds(5));
  nearest.Set({"a", "far"}, "default", kNow + seconds(500));
  nearest.Set({"b", "other"}, "gateway", kNow + seconds(1));
  nearest.Set({"a", "quiet"}, "default", std::nullopt);
  EXPECT_EQ(nearest.NearestOf("default", kNow), seconds(5));
  nearest.Set({"a", "far"}, "default", kNow + seconds(400));
  EXPECT_EQ(nearest.NearestOf("default", kNow + seconds(2)), seconds(3));
  EXPECT_EQ(nearest.NearestOf("default", kNow + seconds(6)), seconds(394)) << "5 s are over";
  nearest.Set({"a", "far"}, "default", std::nullopt);
  EXPECT_EQ(nearest.NearestOf("default", kNow + seconds(6)), std::nullopt);
  nearest.Remove({"b", "other"});
  EXPECT_EQ(nearest.NearestOf("gateway", kNow), std::nullopt);
}

}  // namespace
}  // namespace purser::controllers
