#include <gtest/gtest.h>

#include "instant.h"
#include "policy/window.h"

namespace purser::policy {
namespace {

TEST(FormatTimeTest, Rfc3339ToTheSecond) {
  const auto time = At("2026-11-23T05:00:00.999Z");
  EXPECT_EQ(FormatTime(time, "America/New_York"), "2026-11-23T00:00:00-05:00");
  EXPECT_EQ(FormatTime(time, "Asia/Kathmandu"), "2026-11-23T10:45:00+05:45");
  EXPECT_EQ(FormatTime(time, "UTC"), "2026-11-23T05:00:00Z");
  EXPECT_EQ(FormatTime(time, "No/Where"), "2026-11-23T05:00:00Z");
}

TEST(FormatTimeTest, TellsTheTwoEqualHoursApart) {
  EXPECT_EQ(FormatTime(At("2026-11-01T05:30:00Z"), "America/New_York"),
            "2026-11-01T01:30:00-04:00");
  EXPECT_EQ(FormatTime(At("2026-11-01T06:30:00Z"), "America/New_York"),
            "2026-11-01T01:30:00-05:00");
}

TEST(FormatDurationTest, TheTwoMostSignificantUnits) {
  using namespace std::chrono_literals;
  const std::pair<Duration, const char*> cases[] = {
      {0ms, "0s"},      {999ms, "0s"},         {-5s, "0s"},           {41s, "41s"},
      {60s, "1m"},      {61s, "1m1s"},         {9h + 12min, "9h12m"}, {9h + 12min + 40s, "9h12m"},
      {1h + 30s, "1h"}, {76h + 59min, "3d4h"}, {48h + 59min, "2d"},   {24h * 400 + 1h, "400d1h"},
  };
  for (const auto& [duration, want] : cases) EXPECT_EQ(FormatDuration(duration), want);
}

}  // namespace
}  // namespace purser::policy
