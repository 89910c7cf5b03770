#include "usage/prometheus/start_times.h"

#include <gtest/gtest.h>

namespace purser::usage {
namespace {

using namespace std::chrono_literals;

Question Of(std::size_t number, const char* agent, const char* instance) {
  return {number,
          Timestamp{1'800'000'000s},
          {{"__name__", "cost_total"}, {"agent", agent}, {"instance", instance}, {"job", "gw"}}};
}

TEST(StartTimes, AsksForTheTargetsOfTheSeriesInQuestion) {
  const StartTimes starts({"cost_total"}, {Of(0, "a", "10.0.0.1:80"), Of(1, "b", "10.0.0.1:80")});
  EXPECT_EQ(
      starts.expression(),
      R"({__name__=~"cost_created|process_start_time_seconds",instance=~"10\\.0\\.0\\.1:80"})");
}

TEST(StartTimes, CannotAskForSeriesWithoutATarget) {
  EXPECT_EQ(StartTimes({"cost_total"}, {{0, {}, {{"agent", "a"}}}}).expression(), "");
}

TEST(StartTimes, ASeriesOwnStartIsBetterThanItsProcess) {
  const auto a = Of(0, "a", "i");
  const auto b = Of(1, "b", "i");
  StartTimes starts({"cost_total"}, {a, b});
  const Label process[] = {
      {"__name__", "process_start_time_seconds"}, {"instance", "i"}, {"job", "gw"}};
  const Label created[] = {
      {"__name__", "cost_created"}, {"agent", "a"}, {"instance", "i"}, {"job", "gw"}};
  starts.Take(process, 1'000'500'000'000);
  starts.Take(created, 2'000'000'000'000);
  EXPECT_EQ(starts.Of(a), Timestamp(2'000s));
  EXPECT_EQ(starts.Of(b), Timestamp(1'000'500ms));
  EXPECT_FALSE(starts.Of(Of(2, "a", "other")));
}

}  // namespace
}  // namespace purser::usage
