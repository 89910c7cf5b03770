// Whoever else changes replicas or the annotation while a stop holds: each row of ADR 15's table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "integration/operator/enforcement.h"

namespace purser::integration {
namespace {

using testing::HasSubstr;

class OthersTest : public EnforcementTest {
 protected:
  // While nothing is known to be spent, nothing is restored.
  OthersTest() { Spend("worker", "11"); }
  // The worker of 5, stopped and told so; Raise restores it.
  void StopIt() {
    OnePool();
    world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
    Run();
    ASSERT_TRUE(Stopped());
    ASSERT_TRUE(world_.Eventually("the pool says so", [&] { return PoolState() == "Stopped"; }));
  }
  void Limit(const std::string& limit) {
    world_.Kubectl({"patch", "agentbudget", "daily", "--type=merge", "-p",
                    R"({"spec":{"limit":")" + limit + "\"}}"});
  }
  std::string Annotation() {
    return world_.Get("deployment", "worker")["metadata"]
        .value("annotations", nlohmann::json::object())
        .value("purser.dev/saved", "");
  }
  void Annotate(const std::string& text) {
    world_.Kubectl({"annotate", "deployment", "worker", "--overwrite", "purser.dev/saved=" + text});
  }
  bool ReplicasAre(int want) {
    return world_.Eventually("worker has " + std::to_string(want),
                             [&] { return world_.Replicas("worker") == want; });
  }
  bool EventSays(const std::string& what) {
    return world_.Eventually("an event says " + what, [&] {
      return world_.Kubectl({"get", "events", "-o", "custom-columns=R:.reason,M:.message"})
                 .out.find(what) != std::string::npos;
    });
  }
  // A manifest of the worker as its owner would write it.
  std::string Owned(int replicas) {
    return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker, annotations: "
           "{owner.example/hash: abc}}\nspec:\n  replicas: " +
           std::to_string(replicas) +
           "\n  selector: {matchLabels: {app: worker}}\n  template:\n    metadata: {labels: {app: "
           "worker}}\n    spec: {containers: [{name: agent, image: example/agent}]}\n";
  }
};

TEST_F(OthersTest, ARollbackThatTakesTheAnnotationAwayLosesNothing) {
  StopIt();
  world_.Kubectl({"annotate", "deployment", "worker", "purser.dev/saved-"});
  ASSERT_TRUE(world_.Eventually("it is written again", [&] { return !Annotation().empty(); }));
  EXPECT_TRUE(EventSays("OriginalInDoubt"));
  running_.reset();
  world_.Kubectl({"annotate", "deployment", "worker", "purser.dev/saved-"});
  Limit("5000");
  Run();
  ASSERT_TRUE(ReplicasAre(5));
}

TEST_F(OthersTest, ARollbackThatBringsAnOldAnnotationBackIsRecognised) {
  StopIt();
  const auto old = Annotation();
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(5));
  world_.Kubectl({"scale", "deployment", "worker", "--replicas=9"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // another second, another stop
  Limit("10");
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    return world_.StatusOf("agentpool", "team")["agents"][0].value("savedReplicas", 0) == 9;
  }));
  Annotate(old);
  ASSERT_TRUE(EventSays("of an earlier stop"));
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(9));
}

TEST_F(OthersTest, AnAnnotationThatIsNotOursExemptsFromNothing) {
  OnePool();
  Annotate("x");
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  EXPECT_TRUE(EventSays("OriginalInDoubt"));
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(5));
}

TEST_F(OthersTest, AnAnnotationOfAPoolThatIsNotThereExemptsFromNothing) {
  OnePool();
  world_.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  Annotate(R"({"replicas":5,"set":5,"pool":"ghost","poolUID":"g"})");
  Run();
  ASSERT_TRUE(Stopped());
}

TEST_F(OthersTest, WhatAPersonScalesToIsRestored) {
  StopIt();
  world_.Kubectl({"scale", "deployment", "worker", "--replicas=8"});
  ASSERT_TRUE(EventSays("8 will be restored"));
  ASSERT_TRUE(Stopped());
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(8));
}

TEST_F(OthersTest, WhatAnAutoscalerScalesToIsNotRestored) {
  StopIt();
  world_.Kubectl({"patch", "deployment", "worker", "--subresource=scale", "--type=merge",
                  "--field-manager=kube-controller-manager", "-p", R"({"spec":{"replicas":8}})"});
  ASSERT_TRUE(EventSays("raised by kube-controller-manager"));
  ASSERT_TRUE(Stopped());
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(5));
}

TEST_F(OthersTest, AnOwnerThatWritesTheObjectWholeIsTold) {
  StopIt();
  int written = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(14);
  while (std::chrono::steady_clock::now() < end) {
    if (world_.Replicas("worker") == 0) {
      EXPECT_EQ(world_.cluster().Kubectl({"-n", world_.ns(), "replace", "-f", "-"}, Owned(3)).code,
                0);
      ++written;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LT(written, 12) << "fought";
  EXPECT_GT(written, 5) << "set again promptly";
  ASSERT_TRUE(world_.Eventually("contention is told", [&] {
    return world_.ConditionOf("agentpool", "team", "ActuatorContention") ==
               "True/ReplicasKeepChanging" &&
           world_.ConditionOf("agentpool", "team", "Ready") == "False/ReplicasKeepChanging";
  }));
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "ActuatorContention"),
              testing::AllOf(HasSubstr("Deployment worker (by kubectl-replace)"),
                             HasSubstr("leave spec.replicas")));
  ASSERT_TRUE(Stopped()) << "set again while it is contended, too";
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(5));
}

TEST_F(OthersTest, OfTwoPoolsTheLowerAskWinsAndBothSaySo) {
  OnePool();
  world_.Pool("other", {"worker"});
  world_.Budget("daily", "limit: \"10\"", "{pools: [other]}");
  Run();
  ASSERT_TRUE(Stopped());
  for (const char* pool : {"team", "other"}) {
    EXPECT_TRUE(world_.Eventually(std::string(pool) + " says so", [&] {
      return world_.ConditionOf("agentpool", pool, "Ready") == "False/WorkloadShared";
    }));
  }
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "Ready"), HasSubstr("the lower ask wins"));
  running_.reset();
  Run();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_EQ(world_.Replicas("worker"), 0) << "restored by the pool of which nothing is asked";
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(5));
}

TEST_F(OthersTest, AWorkloadMadeAnewKeepsItsOwnReplicas) {
  StopIt();
  running_.reset();
  world_.Kubectl({"delete", "deployment", "worker"});
  world_.Deployment("worker", 2);
  Run();
  ASSERT_TRUE(Stopped());
  Limit("5000");
  ASSERT_TRUE(ReplicasAre(2));
}

TEST_F(OthersTest, ARestoreLeavesNoOwnershipBehind) {
  StopIt();
  Limit("5000");
  ASSERT_TRUE(Returned());
  const auto applied = [&] {
    return world_.cluster().Kubectl(
        {"-n", world_.ns(), "apply", "--server-side", "--field-manager=somebody", "-f", "-"},
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: "
        "worker}\nspec: {replicas: 7}\n");
  };
  ASSERT_TRUE(world_.Eventually("our name is gone", [&] {
    return world_.Kubectl({"get", "deployment", "worker", "-o", "yaml", "--show-managed-fields"})
               .out.find("manager: purser") == std::string::npos;
  }));
  const auto done = applied();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(world_.Replicas("worker"), 7);
}

}  // namespace
}  // namespace purser::integration
