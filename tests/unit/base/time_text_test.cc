#include "base/time_text.h"

#include <gtest/gtest.h>

namespace purser {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

constexpr Timestamp kMorning = Timestamp(sys_days(year(2026) / 11 / 23)) + 5h + 6min + 7s;

TEST(TimeTextTest, Formats) {
  EXPECT_EQ(FormatUtc(kMorning), "2026-11-23T05:06:07Z");
  EXPECT_EQ(FormatUtc(kMorning + 999ms), "2026-11-23T05:06:07Z");
  EXPECT_EQ(FormatUtc(Timestamp{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatUtc(Timestamp(-1ms)), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatUtc(Timestamp(sys_days(year(9999) / 12 / 31))), "9999-12-31T00:00:00Z");
  EXPECT_EQ(FormatUtcMillis(kMorning + 8ms), "2026-11-23T05:06:07.008Z");
  EXPECT_EQ(FormatUtcMillis(Timestamp(-1ms)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatUtcMicros(std::chrono::sys_time<std::chrono::microseconds>(1'767'323'045s + 6us)),
            "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(FormatUtcMicros(kMorning + 8ms), "2026-11-23T05:06:07.008000Z");
}

TEST(TimeTextTest, Parses) {
  for (const char* text :
       {"2026-11-23T05:06:07Z", "2026-11-23T05:06:07.123456Z", "2026-11-23T07:06:07+02:00",
        "2026-11-23T00:06:07-05:00", "2026-11-22T05:07:07-23:59", "2026-11-23T05:06:07.9-00:00"}) {
    EXPECT_EQ(ParseRfc3339(text), kMorning) << text;
  }
  EXPECT_EQ(ParseRfc3339("2026-11-23T05:05:60Z"), kMorning - 7s);
  EXPECT_EQ(ParseRfc3339(FormatUtc(kMorning)), kMorning);
}

TEST(TimeTextTest, ParsesNothingElse) {
  for (const char* text : {"",
                           "yesterday",
                           "2026",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-30T00:00:00Z",
                           "2026-11-00T00:00:00Z",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T01:60:00Z",
                           "2026-11-24T01:00:61Z",
                           "2026-11-24T01:00:00",
                           "2026-11-24T01:00:00+2",
                           "2026-11-24T01:00:00+02:60",
                           "2026-11-24T01:00:00+24:00",
                           "2026-11-24T01:00:00+0200",
                           "2026-11-24T01:00:00Zx",
                           "2026-11-24T01:00:00+01:00Z",
                           "2026-11-24T01:00:00+-1:-9",
                           "2026-11-24T01:00:00.Z",
                           "2026-11-24T01:00:00.",
                           "2026-11-24t01:00:00Z",
                           "2026-11-24 01:00:00Z",
                           "2026-11-24T1:00:00Z",
                           "2026-1-24T01:00:00Z",
                           " 026-11-24T01:00:00Z",
                           "+026-11-24T01:00:00Z",
                           "2026-11-24T 1:00:00Z",
                           "2026--1-24T01:00:00Z",
                           "12026-11-24T01:00:00Z"}) {
    EXPECT_FALSE(ParseRfc3339(text)) << text;
  }
  EXPECT_TRUE(ParseRfc3339("2026-11-24T01:00:00." + std::string(43, '1') + "Z"));
  EXPECT_FALSE(ParseRfc3339("2026-11-24T01:00:00." + std::string(44, '1') + "Z"));
}

}  // namespace
}  // namespace purser
