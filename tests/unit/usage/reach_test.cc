#include "usage/prometheus/reach.h"

#include <gtest/gtest.h>

namespace purser::usage {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon{1'800'014'400s};

TEST(Reach, FollowsTheLagThatWasSeenAndForgetsIt) {
  Reach reach(15s, 10min);
  EXPECT_EQ(reach.Late(), 30s);
  reach.Lagged(100s, kNoon);
  EXPECT_EQ(reach.Late(), 130s);
  reach.Lagged(5s, kNoon + 10min);
  EXPECT_EQ(reach.Late(), 130s);
  reach.Lagged(5s, kNoon + 31min);
  EXPECT_EQ(reach.Late(), 35s);
  reach.Lagged(9h, kNoon + 31min);
  EXPECT_EQ(reach.Late(), 10min);
}

TEST(Reach, SizesPiecesBySamples) {
  Reach reach(15s, 10min);
  reach.Took(10, reach.chunk());
  EXPECT_EQ(reach.chunk(), 10min);
  for (int i = 0; i < 10; ++i) reach.Took(10, reach.chunk());
  EXPECT_EQ(reach.chunk(), 1h);
  reach.Took(1'000'000, 1h);
  EXPECT_EQ(reach.chunk(), 30min);
  EXPECT_TRUE(reach.Halve(1min));
  EXPECT_EQ(reach.chunk(), 30s);
  EXPECT_FALSE(reach.Halve(30s));
}

TEST(Reach, LooksAMinuteAnHourADayBackInTurnAndRests) {
  Reach reach(15s, 10min);
  EXPECT_EQ(reach.LookDue(kNoon), 24h);
  reach.Looked(24h, kNoon, 0ms);
  EXPECT_FALSE(reach.LookDue(kNoon + 59s));
  EXPECT_EQ(reach.LookDue(kNoon + 1min), 10min);
  reach.Looked(10min, kNoon + 1min, 0ms);
  EXPECT_EQ(reach.LookDue(kNoon + 2min), 1h);
  // A look of ten seconds is followed by 200 without one.
  reach.Looked(1h, kNoon + 5min, 10s);
  EXPECT_FALSE(reach.LookDue(kNoon + 5min + 199s));
  EXPECT_TRUE(reach.LookDue(kNoon + 5min + 200s));
}

}  // namespace
}  // namespace purser::usage
