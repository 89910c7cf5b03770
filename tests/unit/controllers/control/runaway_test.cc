// Loops and spawning in a pool with spec.runaway: what is done about them, and what undoes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using Json = nlohmann::json;

constexpr seconds kWhile{75};

class RunawayPoolTest : public testing::Test {
 protected:
  void Pool(const Json& runaway) {
    stage_.Deployment("worker", 5);
    stage_.Deployment("helper", 3);
    stage_.Pool("team", {"worker", "helper"}, {{"runaway", runaway}});
    stage_.Start();
    stage_.Pass(kWhile);
  }
  // Of the worker, one in half a minute, each of the same size.
  void Loop(int calls) {
    for (int call = 0; call < calls; ++call) {
      stage_.Call("worker", "task", 9000);
      stage_.Pass(seconds(30));
    }
  }
  std::string Detected() const {
    return stage_.ConditionOf("agentpools", "team", "RunawayDetected");
  }
  Json Status() const { return stage_.StatusOf("agentpools", "team"); }
  std::string StateOf(std::size_t agent) const { return Status()["agents"][agent]["state"]; }
  void Patch(const Json& runaway) {
    stage_.api().Patch("agentpools", kStageNamespace, "team", {{"spec", {{"runaway", runaway}}}});
  }
  void Restore(const Json& value) {
    stage_.api().Patch("agentpools", kStageNamespace, "team",
                       {{"metadata", {{"annotations", {{"purser.dev/restore", value}}}}}});
  }

  Stage stage_;
};

TEST_F(RunawayPoolTest, IsToldAndNothingIsDoneUnderNotify) {
  Pool({{"action", "Notify"}});
  EXPECT_EQ(Detected(), "False/NoneSeen");
  Loop(29);
  EXPECT_EQ(Detected(), "False/NoneSeen");
  Loop(2);
  EXPECT_EQ(Detected(), "True/RepeatedCalls");
  const auto status = Status();
  EXPECT_EQ(status["runaway"][0]["agents"], Json({"worker"}));
  EXPECT_THAT(std::string(status["runaway"][0]["message"]), HasSubstr("the last ids call-"));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(status["state"], "Normal");
  stage_.Pass(minutes(80));
  EXPECT_EQ(Detected(), "False/NoneSeen");
  EXPECT_FALSE(Status().contains("runaway"));
}

TEST_F(RunawayPoolTest, OneCallAtATimeUntilItIsGone) {
  Pool({{"callsPerTask", 25}});
  Loop(27);
  EXPECT_EQ(Detected(), "True/CallsPerTask");
  EXPECT_EQ(StateOf(0), "Throttled");
  EXPECT_EQ(Status()["agents"][0]["concurrency"], 1);
  EXPECT_THAT(std::string(Status()["agents"][0]["reason"]), HasSubstr("task task made 2"));
  EXPECT_EQ(stage_.Replicas("worker"), 1);
  EXPECT_EQ(StateOf(1), "Normal") << "the other agent does nothing of the kind";
  EXPECT_EQ(stage_.Replicas("helper"), 3);
  stage_.Start();  // what was found of it is known after a restart, not the evidence
  stage_.Pass(minutes(9));
  EXPECT_EQ(stage_.Replicas("worker"), 1);
  stage_.Pass(minutes(3));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(Detected(), "False/NoneSeen");
}

TEST_F(RunawayPoolTest, AStopWaitsForAPersonOverRestarts) {
  Pool({{"action", "Stop"}});
  Loop(31);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(StateOf(0), "Stopped");
  EXPECT_EQ(stage_.Replicas("helper"), 3);
  EXPECT_THAT(std::string(Status()["reason"]), HasSubstr("purser.dev/restore=now"));
  stage_.Pass(minutes(200));
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  stage_.Start();
  stage_.Pass(minutes(200));
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(Detected(), "True/RepeatedCalls");
  Restore("now");
  stage_.Pass(minutes(10));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(Detected(), "False/NoneSeen");
  EXPECT_FALSE(
      stage_.api().Get("agentpools", kStageNamespace, "team")["metadata"]["annotations"].contains(
          "purser.dev/restore"));
  Loop(31);
  EXPECT_EQ(stage_.Replicas("worker"), 0) << "it loops again";
}

TEST_F(RunawayPoolTest, OtherRulesAreJudgedAnewAndWithoutRulesNothingIsTaken) {
  Pool({{"callsPerTask", 20}, {"action", "Stop"}});
  Loop(22);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  Patch({{"callsPerTask", 500}});
  stage_.Pass(minutes(5));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(Detected(), "False/NoneSeen");
  Patch({{"callsPerTask", 20}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0) << "the evidence is there still";
  Patch(nullptr);
  stage_.Pass(minutes(5));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(Detected(), "False/NoRules");
}

TEST_F(RunawayPoolTest, ABudgetAndARunawayTheStricterWins) {
  Pool({{"callsPerTask", 20}});
  stage_.Budget("daily", {{"limit", "10"}});
  Loop(22);
  EXPECT_EQ(stage_.Replicas("worker"), 1);
  stage_.Spend("worker", Money::FromNanos(11 * Money::kNanosPerDollar));
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_THAT(std::string(Status()["reason"]), HasSubstr("budget daily"));
  EXPECT_EQ(stage_.Replicas("helper"), 0);
}

TEST_F(RunawayPoolTest, ASwarmIsThePools) {
  const Json labels{{"purser.dev/pool", "swarm"}};
  stage_.Pool("swarm", {},
              {{"agentSelector", {{"matchLabels", labels}, {"kinds", {"Job"}}}},
               {"runaway", {{"agents", 4}, {"action", "Stop"}}}});
  stage_.AlsoWatched("jobs");
  for (int job = 0; job < 4; ++job) stage_.Job("job-" + std::to_string(job), labels);
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "swarm", "RunawayDetected"), "False/NoneSeen");
  stage_.Job("job-4", labels);
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "swarm", "RunawayDetected"), "True/Agents");
  const auto status = stage_.StatusOf("agentpools", "swarm");
  ASSERT_EQ(status["agents"].size(), 5U);
  for (const auto& agent : status["agents"]) EXPECT_EQ(agent["state"], "Stopped") << agent;
  EXPECT_TRUE(stage_.api().Get("jobs", kStageNamespace, "job-4")["spec"].value("suspend", false));
}

TEST_F(RunawayPoolTest, OneWhoIsNoAgentOfThePoolIsNoConcernOfIt) {
  Pool({{"callsPerTask", 5}, {"action", "Stop"}});
  for (int call = 0; call < 50; ++call) stage_.Call("stranger", "task", 9000);
  stage_.Pass(kWhile);
  EXPECT_EQ(Detected(), "False/NoneSeen");
}

}  // namespace
}  // namespace purser::controllers
