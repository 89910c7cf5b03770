// What takes replicas and limits away, what gives them back, and what must
// leave them alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/operator/enforcement.h"

namespace purser::integration {
namespace {

using testing::HasSubstr;

TEST_F(EnforcementTest, ThrottlesThenStopsThenReturnsWhenTheLimitIsRaised) {
  OnePool();
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "4");
  Run();
  ASSERT_TRUE(world_.Eventually("spend is seen", [&] {
    return world_.StatusOf("agentbudget", "daily").value("spent", "") == "4";
  }));
  EXPECT_EQ(world_.Replicas("worker"), 5);
  EXPECT_EQ(PoolState(), "Normal");

  Spend("worker", "4.8");  // 88 %: (1 - 0.88) / (1 - 0.8) = 60 % of 20
  ASSERT_TRUE(world_.Eventually("it is throttled", [&] { return PoolState() == "Throttled"; }));
  EXPECT_EQ(world_.StatusOf("agentpool", "team")["maxConcurrency"], 12);
  EXPECT_EQ(world_.Replicas("worker"), 3);
  EXPECT_THAT(world_.StatusOf("agentpool", "team")["reason"].get<std::string>(),
              testing::AllOf(HasSubstr("budget daily: spent $8.80 of $10 (88 %) since "),
                             HasSubstr("concurrency 20 -> 12"), HasSubstr("resets at ")));

  Spend("worker", "1.3");
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("the pool says so", [&] { return PoolState() == "Stopped"; }));
  ASSERT_TRUE(world_.Eventually("and the budget", [&] {
    return world_.StatusOf("agentbudget", "daily").value("state", "") == "Stopped";
  }));
  const auto budget = world_.StatusOf("agentbudget", "daily");
  EXPECT_EQ(budget["spent"], "10.1");
  EXPECT_EQ(budget["remaining"], "0");
  EXPECT_EQ(world_.ConditionOf("agentbudget", "daily", "Exhausted"), "True/LimitReached");
  EXPECT_EQ(world_.ConditionOf("agentpool", "team", "Stopped"), "True/BudgetExhausted");
  const auto saved =
      world_.Get("deployment", "worker")["metadata"]["annotations"]["purser.dev/saved"];
  EXPECT_EQ(nlohmann::json::parse(saved.get<std::string>())["replicas"], 5);

  world_.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"100"}})"});
  ASSERT_TRUE(Returned());
  ASSERT_TRUE(world_.Eventually("events tell the story", [&] {
    const auto events = world_.Kubectl({"get", "events", "-o", "custom-columns=R:.reason"}).out;
    return events.find("Stopped") != std::string::npos &&
           events.find("Throttled") != std::string::npos &&
           events.find("Restored") != std::string::npos;
  }));
}

TEST_F(EnforcementTest, DeletingTheBudgetGivesBack) {
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  ASSERT_TRUE(Returned());
}

TEST_F(EnforcementTest, AuditGivesBackAndTouchesNothing) {
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  world_.Kubectl(
      {"patch", "agentbudget", "nothing", "--type=merge", "-p", R"({"spec":{"mode":"Audit"}})"});
  ASSERT_TRUE(Returned());
  ASSERT_TRUE(world_.Eventually("the budget says Audit", [&] {
    return world_.StatusOf("agentbudget", "nothing").value("state", "") == "Audit";
  }));
  EXPECT_EQ(world_.ConditionOf("agentbudget", "nothing", "Throttled"), "True/StoppedInAudit");
}

TEST_F(EnforcementTest, DeletingThePoolGivesBackBeforeItIsGone) {
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("the finalizer is there", [&] {
    return world_.Get("agentpool", "team")["metadata"].contains("finalizers");
  }));
  EXPECT_EQ(world_.Kubectl({"delete", "agentpool", "team", "--timeout=10s"}).code, 0);
  EXPECT_EQ(world_.Replicas("worker"), 5);
  ASSERT_TRUE(world_.Eventually("the budget names the missing pool", [&] {
    return world_.ConditionOf("agentbudget", "nothing", "ScopeResolved") == "False/PoolNotFound";
  }));
}

TEST_F(EnforcementTest, AnAgentThatLeavesThePoolGetsItsReplicasBack) {
  world_.Deployment("worker", 5);
  world_.Deployment("other", 2);
  world_.Pool("team", {"worker", "other"});
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  world_.Pool("team", {"other"});
  ASSERT_TRUE(Returned());
  EXPECT_EQ(world_.Replicas("other"), 0);
}

TEST_F(EnforcementTest, ReplicasSomebodyElseChangedAreLeftAlone) {
  OnePool("  scaling: {onThrottle: Proportional}\n");
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "8.8");
  Run();
  ASSERT_TRUE(world_.Eventually("it is throttled", [&] { return world_.Replicas("worker") == 3; }));
  world_.Kubectl({"scale", "deployment", "worker", "--replicas=1"});
  world_.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"100"}})"});
  ASSERT_TRUE(world_.Eventually("the annotation is gone", [&] {
    return !world_.Get("deployment", "worker")["metadata"]
                .value("annotations", nlohmann::json::object())
                .contains("purser.dev/saved");
  }));
  EXPECT_EQ(world_.Replicas("worker"), 1);
}

TEST_F(EnforcementTest, AStopIsReassertedAndContentionIsSaid) {
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  for (int i = 0; i < 5; ++i) {
    world_.Kubectl({"scale", "deployment", "worker", "--replicas=4"});
    ASSERT_TRUE(Stopped());
  }
  world_.Kubectl({"scale", "deployment", "worker", "--replicas=4"});
  ASSERT_TRUE(world_.Eventually("contention is said", [&] {
    return world_.ConditionOf("agentpool", "team", "ActuatorContention") ==
           "True/ReplicasKeepChanging";
  }));
  EXPECT_THAT(world_.Kubectl({"describe", "agentpool", "team"}).out,
              HasSubstr("Deployment worker (by kubectl)"));
}

TEST_F(EnforcementTest, LimitsArePublishedFirstAndInFlightWorkMayFinish) {
  OnePool(
      "  limitTargets: [{configMap: {name: team-limits}}]\n  scaling: "
      "{drainSeconds: 3}\n");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it drains", [&] { return PoolState() == "Draining"; }));
  const auto limits = world_.Get("configmap", "team-limits");
  const auto document = nlohmann::json::parse(limits["data"]["limits.json"].get<std::string>());
  EXPECT_EQ(document["maxConcurrency"], 0);
  EXPECT_EQ(document["agents"]["worker"]["maxConcurrency"], 0);
  EXPECT_EQ(world_.Replicas("worker"), 5);
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is stopped", [&] { return PoolState() == "Stopped"; }));
}

TEST_F(EnforcementTest, LimitsOpenWhenTheirTargetOrTheirPoolGoes) {
  const auto maximum = [this](const std::string& config_map) {
    const auto held = world_.Get("configmap", config_map);
    return nlohmann::json::parse(held["data"]["limits.json"].get<std::string>())["maxConcurrency"];
  };
  OnePool(
      "  limitTargets: [{configMap: {name: first}}, {configMap: {name: "
      "second}}]\n"
      "  scaling: {onStop: Keep, drainSeconds: 0}\n");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it is stopped", [&] { return PoolState() == "Stopped"; }));
  EXPECT_EQ(maximum("first"), 0);
  EXPECT_EQ(maximum("second"), 0);

  world_.Kubectl({"patch", "agentpool", "team", "--type=merge", "--patch",
                  R"({"spec":{"limitTargets":[{"configMap":{"name":"second"}}]}})"});
  EXPECT_TRUE(world_.Eventually("the former target opens", [&] { return maximum("first") == 20; }));
  EXPECT_EQ(maximum("second"), 0);

  world_.Kubectl({"delete", "agentpool", "team", "--timeout=30s"});
  EXPECT_EQ(maximum("second"), 20) << "before the pool was gone";
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(EnforcementTest, RefuseNewWorkKeepsReplicas) {
  OnePool();
  world_.Budget("refuse", "limit: \"0\", thresholds: [{percent: 100, action: RefuseNewWork}]",
                "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("work is refused", [&] { return PoolState() == "RefusingWork"; }));
  EXPECT_EQ(world_.StatusOf("agentpool", "team")["maxConcurrency"], 0);
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(EnforcementTest, StatefulSetsAreScaledToo) {
  world_.StatefulSet("worker", 4);
  world_.Apply(
      "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: "
      "{name: team}\nspec: "
      "{maxConcurrency: 4, "
      "agents: [{name: worker, workloadRef: {kind: StatefulSet, name: "
      "worker}}]}\n");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [\"*\"]}");
  Run();
  ASSERT_TRUE(
      world_.Eventually("it stops", [&] { return world_.Replicas("worker", "statefulset") == 0; }));
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  ASSERT_TRUE(world_.Eventually("it returns",
                                [&] { return world_.Replicas("worker", "statefulset") == 4; }));
}

TEST_F(EnforcementTest, AMissingWorkloadIsNamedAndFoundWhenItComes) {
  world_.Pool("team", {"worker"});
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it is missed", [&] {
    return world_.ConditionOf("agentpool", "team", "WorkloadsResolved") == "False/WorkloadNotFound";
  }));
  EXPECT_THAT(world_.Kubectl({"get", "agentpool", "team", "-o", "yaml"}).out,
              HasSubstr("Deployment worker"));
  world_.Deployment("worker", 5);
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is resolved", [&] {
    return world_.ConditionOf("agentpool", "team", "WorkloadsResolved") == "True/Resolved";
  }));
}

TEST_F(EnforcementTest, AWorkloadOfTwoPoolsIsNamedInBoth) {
  OnePool();
  Run();
  ASSERT_TRUE(world_.Eventually("it is ready", [&] {
    return world_.ConditionOf("agentpool", "team", "Ready") == "True/Reconciled";
  }));
  world_.Pool("other", {"worker"});
  for (const char* pool : {"team", "other"}) {
    ASSERT_TRUE(world_.Eventually(std::string(pool) + " says so", [&] {
      return world_.ConditionOf("agentpool", pool, "WorkloadsResolved") == "False/WorkloadShared" &&
             world_.ConditionOf("agentpool", pool, "Ready") == "False/WorkloadShared";
    }));
  }
  EXPECT_THAT(world_.Kubectl({"get", "agentpool", "team", "-o", "yaml"}).out,
              HasSubstr("worker (AgentPool other)"));
  world_.Kubectl({"delete", "agentpool", "other"});
  ASSERT_TRUE(world_.Eventually("it is one pool's again", [&] {
    return world_.ConditionOf("agentpool", "team", "Ready") == "True/Reconciled";
  }));
}

TEST_F(EnforcementTest, AnAgentOfTwoPoolsIsNamedInBoth) {
  OnePool();
  world_.Deployment("elsewhere", 1);
  world_.Apply(
      "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: "
      "{name: other}\nspec: "
      "{maxConcurrency: 4, "
      "agents: [{name: worker, workloadRef: {kind: Deployment, name: "
      "elsewhere}}]}\n");
  Run();
  for (const char* pool : {"team", "other"}) {
    ASSERT_TRUE(world_.Eventually(std::string(pool) + " says so", [&] {
      return world_.ConditionOf("agentpool", pool, "Ready") == "False/AgentShared";
    }));
    EXPECT_EQ(world_.ConditionOf("agentpool", pool, "WorkloadsResolved"), "True/Resolved");
  }
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "Ready"),
              HasSubstr("worker (AgentPool other)"));
  world_.Kubectl({"delete", "agentpool", "other"});
  ASSERT_TRUE(world_.Eventually("it is one pool's again", [&] {
    return world_.ConditionOf("agentpool", "team", "Ready") == "True/Reconciled";
  }));
}

TEST_F(EnforcementTest, AnUnknownSourceIsSaid) {
  OnePool();
  world_.Budget("source", "limit: \"1\", source: elsewhere", "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it is not ready", [&] {
    return world_.ConditionOf("agentbudget", "source", "Ready") == "False/UnknownSource";
  }));
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(EnforcementTest, ABudgetThatCannotBeEvaluatedKeepsNobodyElseFromActing) {
  world_.Budget("broken", "limit: \"1\", source: elsewhere", "{pools: [\"*\"]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it is not ready", [&] {
    return world_.ConditionOf("agentbudget", "broken", "Ready") == "False/UnknownSource";
  }));
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  ASSERT_TRUE(Stopped());
}

TEST_F(EnforcementTest, ABudgetThatCannotBeEvaluatedHoldsWhatItTookOverARestart) {
  OnePool();
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "11");
  Run();
  ASSERT_TRUE(Stopped());
  world_.Kubectl({"patch", "agentbudget", "daily", "--type=merge", "--patch",
                  R"({"spec":{"source":"elsewhere"}})"});
  ASSERT_TRUE(world_.Eventually("it is not ready", [&] {
    return world_.ConditionOf("agentbudget", "daily", "Ready") == "False/UnknownSource";
  }));
  EXPECT_EQ(world_.Spent("daily"), "11") << "the last that is known";
  running_.reset();
  Run();
  // Another pool is acted on: so was this one.
  world_.Deployment("other", 2);
  world_.Pool("second", {"other"});
  world_.Budget("nothing", "limit: \"0\"", "{pools: [second]}");
  ASSERT_TRUE(world_.Eventually("another stops", [&] { return world_.Replicas("other") == 0; }));
  EXPECT_EQ(world_.Replicas("worker"), 0);
  world_.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "--patch", R"({"spec":{"mode":"Audit"}})"});
  ASSERT_TRUE(Returned());
}

TEST_F(EnforcementTest, WhatWasGivenBackIsNotTakenByARestartThatIsBlind) {
  OnePool();
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Spend("worker", "11");
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] { return PoolState() == "Stopped"; }));
  running_.reset();
  // As if it had been killed between giving back and telling so.
  world_.Kubectl(
      {"patch", "deployment", "worker", "--type=merge", "--patch",
       R"({"metadata":{"annotations":{"purser.dev/saved":null}},"spec":{"replicas":5}})"});
  world_.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "--patch", R"({"spec":{"limit":"100"}})"});
  auto blind = world_.Config("http://127.0.0.1:1");
  running_ =
      std::make_unique<support::RunningOperator>(blind, world_.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(Reconciled());
  ASSERT_TRUE(world_.Eventually("the budget says that it is blind", [&] {
    return world_.ConditionOf("agentbudget", "daily", "SourceHealthy") ==
           "False/PrometheusUnreachable";
  }));
  EXPECT_EQ(world_.Replicas("worker"), 5);
}

TEST_F(EnforcementTest, TheStrictestOfSeveralBudgetsWinsAndIsNamed) {
  world_.Deployment("worker", 5);
  world_.Deployment("other", 2);
  world_.Pool("team", {"worker", "other"});
  world_.Budget("wide", "limit: \"1000\"", "{pools: [\"*\"]}");
  world_.Budget("narrow", "limit: \"0\"", "{pools: [team], agents: [worker]}");
  Run();
  ASSERT_TRUE(Stopped());
  EXPECT_EQ(world_.Replicas("other"), 2);
  ASSERT_TRUE(world_.Eventually("the status says which", [&] {
    return world_.StatusOf("agentpool", "team").value("governedBy", "") == "narrow";
  }));
}

TEST_F(EnforcementTest, ARestartGivesNothingBackAndRestoresOnlyOnce) {
  OnePool();
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] { return PoolState() == "Stopped"; }));
  running_.reset();
  Run();
  ASSERT_TRUE(Reconciled());
  EXPECT_EQ(world_.Replicas("worker"), 0);
  EXPECT_EQ(PoolState(), "Stopped");
  running_.reset();
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  Run();
  ASSERT_TRUE(Returned());
  world_.Kubectl({"scale", "deployment", "worker", "--replicas=2"});
  running_.reset();
  Run();
  ASSERT_TRUE(Reconciled());
  EXPECT_EQ(world_.Replicas("worker"), 2);
}

}  // namespace
}  // namespace purser::integration
