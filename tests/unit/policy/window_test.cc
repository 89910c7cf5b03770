#include "policy/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "instant.h"

namespace purser::policy {
namespace {

using api::Period;
using api::Weekday;
using testing::HasSubstr;

struct Case {
  const char* name;
  Period period;
  const char* zone;
  const char* now;
  const char* want;  // "start end" in UTC
  Weekday week_start = Weekday::kMonday;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class WindowAtTest : public testing::TestWithParam<Case> {};

TEST_P(WindowAtTest, GivesTheWindowThatHoldsNow) {
  const auto& c = GetParam();
  const auto window = WindowAt(At(c.now), {c.period, c.zone, c.week_start});
  ASSERT_TRUE(window.ok()) << window.error().message();
  EXPECT_EQ(Text(*window), c.want);
}

const Case kPlain[] = {
    {"Hour", Period::kHour, "UTC", "2026-11-23T10:59:59.999Z",
     "2026-11-23T10:00:00Z 2026-11-23T11:00:00Z"},
    {"StartBelongs", Period::kDay, "UTC", "2026-11-23T00:00:00Z",
     "2026-11-23T00:00:00Z 2026-11-24T00:00:00Z"},
    {"EndDoesNotBelong", Period::kDay, "UTC", "2026-11-24T00:00:00Z",
     "2026-11-24T00:00:00Z 2026-11-25T00:00:00Z"},
    {"DayInZone", Period::kDay, "America/New_York", "2026-11-23T04:59:59Z",
     "2026-11-22T05:00:00Z 2026-11-23T05:00:00Z"},
    {"DayInQuarterHourZone", Period::kDay, "Asia/Kathmandu", "2026-11-23T12:00:00Z",
     "2026-11-22T18:15:00Z 2026-11-23T18:15:00Z"},
    {"HourInHalfHourZone", Period::kHour, "Asia/Kolkata", "2026-11-23T10:29:59Z",
     "2026-11-23T09:30:00Z 2026-11-23T10:30:00Z"},
    {"WeekFromMonday", Period::kWeek, "UTC", "2026-11-29T23:59:59Z",
     "2026-11-23T00:00:00Z 2026-11-30T00:00:00Z"},
    {"WeekFromSunday", Period::kWeek, "UTC", "2026-11-29T00:00:00Z",
     "2026-11-29T00:00:00Z 2026-12-06T00:00:00Z", Weekday::kSunday},
    {"WeekFromSundayOnSaturday", Period::kWeek, "UTC", "2026-11-28T23:59:59Z",
     "2026-11-22T00:00:00Z 2026-11-29T00:00:00Z", Weekday::kSunday},
    {"WeekFromWednesdayOverNewYear", Period::kWeek, "UTC", "2027-01-02T08:00:00Z",
     "2026-12-30T00:00:00Z 2027-01-06T00:00:00Z", Weekday::kWednesday},
    {"ShortMonth", Period::kMonth, "UTC", "2026-02-28T23:59:59Z",
     "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"},
    {"LeapMonth", Period::kMonth, "UTC", "2028-02-29T12:00:00Z",
     "2028-02-01T00:00:00Z 2028-03-01T00:00:00Z"},
    {"DecemberIntoJanuary", Period::kMonth, "UTC", "2026-12-31T23:59:59Z",
     "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"},
    {"MonthAcrossDaylightSaving", Period::kMonth, "America/New_York", "2026-11-15T00:00:00Z",
     "2026-11-01T04:00:00Z 2026-12-01T05:00:00Z"},
};
INSTANTIATE_TEST_SUITE_P(Plain, WindowAtTest, testing::ValuesIn(kPlain),
                         [](const auto& tested) { return std::string(tested.param.name); });

const Case kNasty[] = {
    // 00:00 to 01:00 does not exist: the day starts at 01:00.
    {"SantiagoNoMidnight", Period::kDay, "America/Santiago", "2026-09-06T12:00:00Z",
     "2026-09-06T04:00:00Z 2026-09-07T03:00:00Z"},
    {"SantiagoTheDayBefore", Period::kDay, "America/Santiago", "2026-09-06T03:59:59Z",
     "2026-09-05T04:00:00Z 2026-09-06T04:00:00Z"},
    {"CairoNoMidnight", Period::kDay, "Africa/Cairo", "2026-04-24T12:00:00Z",
     "2026-04-23T22:00:00Z 2026-04-24T21:00:00Z"},
    {"BeirutNoMidnight", Period::kDay, "Asia/Beirut", "2026-03-29T12:00:00Z",
     "2026-03-28T22:00:00Z 2026-03-29T21:00:00Z"},
    {"HavanaNoMidnight", Period::kDay, "America/Havana", "2026-03-08T12:00:00Z",
     "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z"},
    // 00:00 to 01:00 comes twice: the day starts at the first.
    {"HavanaFirstMidnight", Period::kDay, "America/Havana", "2026-11-01T04:00:00Z",
     "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"},
    {"HavanaSecondMidnight", Period::kDay, "America/Havana", "2026-11-01T05:00:00Z",
     "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"},
    {"HavanaTheDayBefore", Period::kDay, "America/Havana", "2026-11-01T03:59:59Z",
     "2026-10-31T04:00:00Z 2026-11-01T04:00:00Z"},
    {"NewYork23Hours", Period::kDay, "America/New_York", "2026-03-08T12:00:00Z",
     "2026-03-08T05:00:00Z 2026-03-09T04:00:00Z"},
    {"NewYork25Hours", Period::kDay, "America/New_York", "2026-11-01T12:00:00Z",
     "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z"},
    // 24:00 is 23:00 again, on the same date.
    {"SantiagoHourTwiceAtTheEnd", Period::kDay, "America/Santiago", "2026-04-05T03:30:00Z",
     "2026-04-04T03:00:00Z 2026-04-05T04:00:00Z"},
    // The 30th was skipped: the 29th ends where the 31st begins.
    {"ApiaBeforeTheSkippedDay", Period::kDay, "Pacific/Apia", "2011-12-30T09:59:59Z",
     "2011-12-29T10:00:00Z 2011-12-30T10:00:00Z"},
    {"ApiaAfterTheSkippedDay", Period::kDay, "Pacific/Apia", "2011-12-30T10:00:00Z",
     "2011-12-30T10:00:00Z 2011-12-31T10:00:00Z"},
    {"ApiaWeekOfSixDays", Period::kWeek, "Pacific/Apia", "2011-12-30T10:00:00Z",
     "2011-12-26T10:00:00Z 2012-01-01T10:00:00Z"},
    {"ApiaWeekStartingOnTheSkippedDay", Period::kWeek, "Pacific/Apia", "2011-12-30T10:00:00Z",
     "2011-12-30T10:00:00Z 2012-01-05T10:00:00Z", Weekday::kFriday},
    {"ApiaWeekEndingOnTheSkippedDay", Period::kWeek, "Pacific/Apia", "2011-12-30T09:00:00Z",
     "2011-12-23T10:00:00Z 2011-12-30T10:00:00Z", Weekday::kFriday},
    // The clock goes from 00:01 back to 23:01: the date that ended is not opened again.
    {"StJohnsBeforeTheStepBack", Period::kDay, "America/St_Johns", "2010-11-07T02:30:30Z",
     "2010-11-07T02:30:00Z 2010-11-08T03:30:00Z"},
    {"StJohnsAfterTheStepBack", Period::kDay, "America/St_Johns", "2010-11-07T03:00:00Z",
     "2010-11-07T02:30:00Z 2010-11-08T03:30:00Z"},
    // Half an hour of daylight saving: 01:30 to 02:00 comes twice, 02:00 to 02:30 never.
    {"LordHoweHourBeforeTheStepBack", Period::kHour, "Australia/Lord_Howe", "2026-04-04T14:45:00Z",
     "2026-04-04T14:00:00Z 2026-04-04T15:00:00Z"},
    {"LordHoweHalfHourAfterTheStepBack", Period::kHour, "Australia/Lord_Howe",
     "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z 2026-04-04T15:30:00Z"},
    {"LordHoweHourAfterThat", Period::kHour, "Australia/Lord_Howe", "2026-04-04T15:30:00Z",
     "2026-04-04T15:30:00Z 2026-04-04T16:30:00Z"},
    {"LordHoweHourBeforeTheStepForward", Period::kHour, "Australia/Lord_Howe",
     "2026-10-03T15:29:59Z", "2026-10-03T14:30:00Z 2026-10-03T15:30:00Z"},
    {"LordHoweHalfHourAfterTheStepForward", Period::kHour, "Australia/Lord_Howe",
     "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z 2026-10-03T16:00:00Z"},
    {"LordHoweDay", Period::kDay, "Australia/Lord_Howe", "2026-04-05T00:00:00Z",
     "2026-04-04T13:00:00Z 2026-04-05T13:30:00Z"},
    {"NewYorkFirstOfTheTwoHours", Period::kHour, "America/New_York", "2026-11-01T05:30:00Z",
     "2026-11-01T05:00:00Z 2026-11-01T06:00:00Z"},
    {"NewYorkSecondOfTheTwoHours", Period::kHour, "America/New_York", "2026-11-01T06:30:00Z",
     "2026-11-01T06:00:00Z 2026-11-01T07:00:00Z"},
    // Three hours forward at 00:01: taken to happen at 00:00.
    {"CaseyHourBeforeTheChange", Period::kHour, "Antarctica/Casey", "2020-10-03T15:59:59Z",
     "2020-10-03T15:00:00Z 2020-10-03T16:00:00Z"},
    {"CaseyMinuteBeforeTheChange", Period::kHour, "Antarctica/Casey", "2020-10-03T16:00:30Z",
     "2020-10-03T16:00:00Z 2020-10-03T17:00:00Z"},
    {"CaseyHourAfterTheChange", Period::kHour, "Antarctica/Casey", "2020-10-03T16:01:00Z",
     "2020-10-03T16:00:00Z 2020-10-03T17:00:00Z"},
    // The offset changed by half an hour for good, in the middle of an hour.
    {"CaracasHourCutByANewOffset", Period::kHour, "America/Caracas", "2016-05-01T06:45:00Z",
     "2016-05-01T06:30:00Z 2016-05-01T07:00:00Z"},
};
INSTANTIATE_TEST_SUITE_P(Nasty, WindowAtTest, testing::ValuesIn(kNasty),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(WindowAtTest, LengthsOfTheLongAndTheShortDay) {
  const api::WindowSpec day{Period::kDay, "America/New_York"};
  const auto spring = WindowAt(At("2026-03-08T12:00:00Z"), day);
  const auto autumn = WindowAt(At("2026-11-01T12:00:00Z"), day);
  EXPECT_EQ(spring->end - spring->start, std::chrono::hours(23));
  EXPECT_EQ(autumn->end - autumn->start, std::chrono::hours(25));
}

TEST(WindowBeforeTest, AdjoinsWithoutGap) {
  const api::WindowSpec day{Period::kDay, "Pacific/Apia"};
  auto window = WindowAt(At("2012-01-01T12:00:00Z"), day);
  std::vector<std::string> starts;
  for (int i = 0; i < 3; ++i) {
    const auto before = WindowBefore(*window, day);
    ASSERT_TRUE(before.ok());
    EXPECT_EQ(before->end, window->start);
    starts.push_back(FormatTime(before->start, day.time_zone).substr(0, 10));
    window = before;
  }
  EXPECT_THAT(starts, testing::ElementsAre("2012-01-01", "2011-12-31", "2011-12-29"));
}

TEST(WindowBeforeTest, TellsOfAnUnknownZone) {
  EXPECT_FALSE(WindowBefore({At("2026-01-01T00:00:00Z"), At("2026-01-02T00:00:00Z")},
                            {Period::kDay, "Mars/Olympus"}));
}

struct Misspelling {
  const char* written;
  const char* suggested;
};

class UnknownZoneTest : public testing::TestWithParam<Misspelling> {};

TEST_P(UnknownZoneTest, IsNamedWithASuggestion) {
  const auto& c = GetParam();
  const auto window = WindowAt(At("2026-01-01T00:00:00Z"), {Period::kDay, c.written});
  ASSERT_FALSE(window.ok());
  EXPECT_EQ(window.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(window.error().message(), std::string("unknown time zone \"") + c.written +
                                          "\": use an IANA name such as " + c.suggested);
}

INSTANTIATE_TEST_SUITE_P(
    All, UnknownZoneTest,
    testing::Values(
        Misspelling{"America/NewYork", "America/New_York"},
        Misspelling{"america/new_york", "America/New_York"},
        Misspelling{"Europe/Berlim", "Europe/Berlin"}, Misspelling{"Berlin", "Europe/Berlin"},
        Misspelling{"Mars/Olympus", "America/New_York"}, Misspelling{"+02:00", "America/New_York"},
        Misspelling{"", "America/New_York"}, Misspelling{"../../etc/passwd", "America/New_York"},
        Misspelling{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                    "America/New_York"}));

TEST(WindowAtTest, ManyThreadsAtOnce) {
  const char* const zones[] = {"Asia/Tokyo", "Europe/Paris", "Africa/Lagos", "No/Where"};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        for (const auto* zone : zones) {
          const auto window = WindowAt(At("2026-06-01T12:00:00Z"), {Period::kDay, zone});
          EXPECT_EQ(window.ok(), std::string_view(zone) != "No/Where");
        }
      }
    });
  }
}

}  // namespace
}  // namespace purser::policy
