// What each action and each option of spec.scaling does to replicas and limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/operator/enforcement.h"

namespace purser::integration {
namespace {

using ScalingTest = EnforcementTest;

TEST_F(ScalingTest, NotifyTellsAndTouchesNothing) {
  OnePool();
  world_.Budget("daily",
                "limit: \"10\", thresholds: [{percent: 50, action: Notify}, {percent: 100, action: "
                "Stop}]",
                "{pools: [team]}");
  Spend("worker", "9.9");
  Run();
  ASSERT_TRUE(world_.Eventually("the budget warns", [&] {
    return world_.StatusOf("agentbudget", "daily").value("state", "") == "Warning";
  }));
  EXPECT_THAT(world_.ConditionOf("agentbudget", "daily", "Warning"), testing::StartsWith("True/"));
  ASSERT_TRUE(world_.Eventually("an event tells it", [&] {
    return world_.Kubectl({"get", "events", "-o", "custom-columns=R:.reason"})
               .out.find("Warning") != std::string::npos;
  }));
  EXPECT_EQ(PoolState(), "Normal");
  EXPECT_EQ(world_.StatusOf("agentpool", "team")["maxConcurrency"], 20);
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(ScalingTest, KeepThrottlesConcurrencyAlone) {
  OnePool("  scaling: {onThrottle: Keep}\n");
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "9");
  Run();
  ASSERT_TRUE(world_.Eventually("it is throttled", [&] { return PoolState() == "Throttled"; }));
  EXPECT_EQ(world_.StatusOf("agentpool", "team")["maxConcurrency"], 10);
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(ScalingTest, MinReplicasIsTheFloorOfAThrottleButNotOfAStop) {
  OnePool("  scaling: {minReplicas: 2}\n");
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "9.8");  // a tenth of 20: 2 of 20 at once would be 1 replica of 5
  Run();
  ASSERT_TRUE(world_.Eventually("it is throttled", [&] { return world_.Replicas("worker") == 2; }));
  Spend("worker", "0.2");
  ASSERT_TRUE(Stopped());
}

TEST_F(ScalingTest, UnderASharedBudgetTheLowerPriorityIsShortFirst) {
  for (const char* name : {"first", "last"}) world_.Deployment(name, 10);
  world_.Pool("first", {"first"}, 10, "  priority: 5\n");
  world_.Pool("last", {"last"}, 10);
  world_.Budget("shared", "limit: \"10\"", "{pools: [first, last]}");
  Spend("last", "9");  // half of 20 is left: one for each, the rest by priority
  Run();
  ASSERT_TRUE(world_.Eventually("both are throttled", [&] {
    return world_.Replicas("first") == 9 && world_.Replicas("last") == 1;
  }));
  ASSERT_TRUE(world_.Eventually("both say so", [&] {
    return world_.StatusOf("agentpool", "first").value("maxConcurrency", 0) == 9 &&
           world_.StatusOf("agentpool", "last").value("maxConcurrency", 0) == 1;
  }));
}

TEST_F(ScalingTest, TwoKeysOfOneConfigMapAreTwoTargets) {
  OnePool(
      "  limitTargets: [{configMap: {name: limits, key: one.json}}, {configMap: {name: limits, "
      "key: two.json}}]\n");
  world_.Kubectl({"create", "configmap", "limits", "--from-literal=theirs=kept"});
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "9");
  Run();
  const auto maximum = [this](const char* key) {
    const auto data = world_.Get("configmap", "limits").value("data", nlohmann::json::object());
    const auto limits = nlohmann::json::parse(data.value(key, "{}"));
    return limits.value("maxConcurrency", -1);
  };
  ASSERT_TRUE(world_.Eventually(
      "both are told", [&] { return maximum("one.json") == 10 && maximum("two.json") == 10; }));
  EXPECT_EQ(world_.Get("configmap", "limits")["data"]["theirs"], "kept");
}

}  // namespace
}  // namespace purser::integration
