// Over an hour's, a day's and a week's end, the clock injected: agents stop, the window ends,
// agents return.
#include <date/date.h>
#include <gtest/gtest.h>

#include "integration/operator/world.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

using namespace date::literals;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Saturday evening before New York's 25-hour Sunday: 22:30 on 31 October is 02:30 UTC on 1
// November.
const Timestamp kStart = date::sys_days(2026_y / 11 / 1) + hours(2) + minutes(30);

// Every agent spends `dollars` in the first minutes and nothing after, for two days.
std::string History(const std::vector<std::pair<std::string, std::string>>& agents) {
  std::string text = "# TYPE agent_cost_usd counter\n";
  for (const auto& [agent, dollars] : agents) {
    for (auto at = kStart - minutes(1); at < kStart + hours(30); at += seconds(60)) {
      text += "agent_cost_usd_total{namespace=\"resets\",pod=\"gateway-0\",agent=\"" + agent +
              "\"} " + (at < kStart + minutes(1) ? "0" : dollars) + " " +
              std::to_string(at.time_since_epoch().count() / 1000) + "\n";
    }
  }
  return text + "# EOF\n";
}

TEST(ResetTest, HourDayAndWeekEndInTheirOwnZones) {
  World world("resets");
  support::PrometheusOptions options;
  options.history = History({{"hourly", "1.000000001"}, {"daily", "5.5"}, {"weekly", "20.25"}});
  support::Prometheus prometheus(options);

  for (const char* agent : {"hourly", "daily", "weekly"}) {
    world.Deployment(agent, 3);
    world.Pool(agent, {agent}, 8);
  }
  world.Budget("hourly", "limit: \"1\", window: {period: Hour}", "{pools: [hourly]}");
  world.Budget("daily",
               "limit: \"5\", window: {period: Day, timeZone: America/New_York}, burnRates: []",
               "{pools: [daily]}");
  world.Budget("weekly",
               "limit: \"20\", window: {period: Week, timeZone: America/New_York}, burnRates: []",
               "{pools: [weekly]}");

  support::OffsetClock clock(kStart + minutes(3));
  support::RunningOperator running(world.Config(prometheus.url()), world.cluster().kubeconfig(),
                                   &clock);

  const auto replicas = [&] {
    return std::vector<int>{world.Replicas("hourly"), world.Replicas("daily"),
                            world.Replicas("weekly")};
  };
  ASSERT_TRUE(world.Eventually("all three stop", [&] {
    return replicas() == std::vector{0, 0, 0};
  }));

  clock.Set(kStart + minutes(29) + seconds(50));
  // What was told before the clock moved proves nothing: an edit has it evaluated now.
  world.Kubectl(
      {"patch", "agentbudget", "hourly", "--type=merge", "-p", R"({"spec":{"limit":"0.9"}})"});
  ASSERT_TRUE(world.Eventually("the edit is seen", [&] {
    return world.StatusOf("agentbudget", "hourly").value("limit", "") == "0.9";
  }));
  EXPECT_EQ(world.StatusOf("agentbudget", "hourly")["resetsAt"], "2026-11-01T03:00:00Z");
  EXPECT_EQ(replicas(), (std::vector{0, 0, 0})) << "ten seconds before the hour's end";

  clock.Set(kStart + minutes(30) + seconds(1));
  ASSERT_TRUE(world.Eventually("the hour ends", [&] {
    return replicas() == std::vector{3, 0, 0};
  }));
  ASSERT_TRUE(world.Eventually("the closed hour is in the history", [&] {
    const auto status = world.StatusOf("agentbudget", "hourly");
    return status.contains("history") && status["history"].size() == 1 &&
           status["history"][0]["spent"] == "1.000000001" && status["spent"] == "0";
  }));

  // A clock that steps back does not reopen the closed hour.
  clock.Set(kStart + minutes(20));
  world.Kubectl(
      {"patch", "agentbudget", "hourly", "--type=merge", "-p", R"({"spec":{"limit":"0.5"}})"});
  ASSERT_TRUE(world.Eventually("the edit is seen", [&] {
    return world.StatusOf("agentbudget", "hourly").value("limit", "") == "0.5";
  }));
  EXPECT_EQ(world.StatusOf("agentbudget", "hourly")["resetsAt"], "2026-11-01T04:00:00Z");
  EXPECT_EQ(replicas(), (std::vector{3, 0, 0}));

  // One that was a day ahead does not leave today without its limit.
  clock.Set(kStart + hours(26));
  ASSERT_TRUE(world.Eventually("tomorrow is believed", [&] {
    return world.StatusOf("agentbudget", "daily").value("resetsAt", "") == "2026-11-02T05:00:00Z";
  }));
  clock.Set(kStart + minutes(40));
  ASSERT_TRUE(world.Eventually("today is back", [&] {
    return world.StatusOf("agentbudget", "daily").value("resetsAt", "") == "2026-11-01T04:00:00Z" &&
           replicas() == std::vector{3, 0, 0};
  }));

  // Midnight in New York is 04:00 UTC.
  clock.Set(kStart + hours(1) + minutes(30) + seconds(1));
  ASSERT_TRUE(world.Eventually("the day ends", [&] { return replicas() == std::vector{3, 3, 0}; }));

  // The Sunday has 25 hours: 24 hours after its start the week is not over.
  clock.Set(kStart + hours(25) + minutes(30) + seconds(1));
  ASSERT_TRUE(world.Eventually("the daily budget is in the 25-hour day", [&] {
    return world.StatusOf("agentbudget", "daily").value("resetsAt", "") == "2026-11-02T05:00:00Z";
  }));
  EXPECT_EQ(world.Replicas("weekly"), 0);

  clock.Set(kStart + hours(26) + minutes(30) + seconds(1));
  ASSERT_TRUE(world.Eventually("the week ends", [&] {
    return replicas() == std::vector{3, 3, 3};
  }));
  ASSERT_TRUE(world.Eventually("the closed week is in the history", [&] {
    const auto status = world.StatusOf("agentbudget", "weekly");
    return status.contains("history") && !status["history"].empty() &&
           status["history"][0]["spent"] == "20.25";
  }));

  // Concurrency comes back in doublings.
  ASSERT_TRUE(world.Eventually("the ramp is told", [&] {
    return world.StatusOf("agentpool", "weekly")["state"] == "Ramping";
  }));
  clock.Advance(seconds(31));
  ASSERT_TRUE(world.Eventually("the ramp ends", [&] {
    const auto status = world.StatusOf("agentpool", "weekly");
    return status["state"] == "Normal" && status["maxConcurrency"] == 8;
  }));
  EXPECT_FALSE(world.Get("deployment", "weekly")["metadata"]
                   .value("annotations", nlohmann::json::object())
                   .contains("purser.dev/saved"));
  running.Stop();
  EXPECT_TRUE(running.ended().ok());
}

}  // namespace
}  // namespace purser::integration
