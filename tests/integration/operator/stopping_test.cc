// A stop is what the cluster shows, not what was asked: refused writes, pods that live on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "integration/operator/enforcement.h"

namespace purser::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class StoppingTest : public EnforcementTest {
 protected:
  ~StoppingTest() override { Permit(); }

  // A rule that came after the agents: writes of these resources are refused in the test's
  // namespace.
  void Refuse(const std::string& resources) {
    world_.Apply(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\n"
        "metadata: {name: " +
        world_.ns() +
        "}\nspec:\n  failurePolicy: Fail\n  matchConstraints:\n"
        "    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: " +
        world_.ns() +
        "}}\n    resourceRules:\n"
        "    - {apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [" +
        resources +
        "]}\n  validations:\n  - {expression: \"false\", message: platform policy 12}\n---\n"
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\n"
        "metadata: {name: " +
        world_.ns() + "}\nspec: {policyName: " + world_.ns() + ", validationActions: [Deny]}\n");
    ASSERT_TRUE(world_.Eventually("the policy is in force", [&] {
      return world_.Kubectl({"annotate", "deployment", "worker", "--overwrite", "probe=x"}).code !=
             0;
    }));
  }
  void Permit() {
    for (const char* kind : {"validatingadmissionpolicybinding", "validatingadmissionpolicy"})
      world_.Kubectl({"delete", kind, world_.ns(), "--ignore-not-found"});
  }
  void Pods(const std::string& status) {
    EXPECT_EQ(world_
                  .Kubectl({"patch", "deployment", "worker", "--subresource=status", "--type=merge",
                            "--patch", R"({"status":)" + status + "}"})
                  .code,
              0);
  }
  nlohmann::json Agent() { return world_.StatusOf("agentpool", "team")["agents"][0]; }
};

TEST_F(StoppingTest, ARefusedScaleNeverReadsStoppedAndIsTriedAgain) {
  OnePool();
  Refuse("deployments, deployments/scale");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    return world_.ConditionOf("agentpool", "team", "Ready") == "False/ScaleRefused";
  }));
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "Ready"),
              AllOf(HasSubstr("/worker: "), HasSubstr("platform policy 12")));
  EXPECT_EQ(PoolState(), "Stopping");
  EXPECT_EQ(Agent()["state"], "Stopping");
  EXPECT_THAT(world_.ConditionOf("agentpool", "team", "Stopped"), testing::StartsWith("False/"));
  EXPECT_EQ(world_.Replicas("worker"), 5);
  for (const char* kind : {"AgentPool", "AgentBudget", "Deployment"}) {
    EXPECT_TRUE(world_.Eventually(std::string(kind) + " has an event", [&] {
      const auto events = world_
                              .Kubectl({"get", "events", "-o",
                                        "custom-columns=R:.reason,K:.involvedObject.kind,M:"
                                        ".message"})
                              .out;
      std::istringstream lines(events);
      for (std::string line; std::getline(lines, line);) {
        if (line.find("ScaleRefused") != std::string::npos &&
            line.find(std::string(" ") + kind + " ") != std::string::npos &&
            line.find("platform policy 12") != std::string::npos)
          return true;
      }
      return false;
    }));
  }
  Permit();
  ASSERT_TRUE(world_.Eventually(
      "worker stops", [&] { return world_.Replicas("worker") == 0; }, std::chrono::seconds(90)));
  ASSERT_TRUE(world_.Eventually("and it is told", [&] {
    return PoolState() == "Stopped" &&
           world_.ConditionOf("agentpool", "team", "Ready") == "True/Reconciled";
  }));
}

TEST_F(StoppingTest, WhereThePatchIsRefusedTheSubresourceScaleIsUsed) {
  OnePool();
  Refuse("deployments");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] { return PoolState() == "Stopped"; }));
  EXPECT_EQ(Agent()["savedReplicas"], 5);
  running_.reset();  // what is known is known from the status
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  Run();
  ASSERT_TRUE(Returned());
  ASSERT_TRUE(world_.Eventually("nothing is saved any more", [&] {
    return PoolState() != "Stopped" && !Agent().contains("savedReplicas");
  }));
}

TEST_F(StoppingTest, StoppedMeansThatNoPodRuns) {
  OnePool();
  Pods(R"({"observedGeneration":1,"replicas":5})");
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually(
      "five run", [&] { return PoolState() == "Stopping" && Agent().value("running", -1) == 5; }));
  Pods(R"({"observedGeneration":100,"replicas":0,"terminatingReplicas":2})");
  if (!world_.Get("deployment", "worker")["status"].contains("terminatingReplicas"))
    GTEST_SKIP() << "this API server has no status.terminatingReplicas: see the next test";
  ASSERT_TRUE(world_.Eventually(
      "two end", [&] { return PoolState() == "Stopping" && Agent().value("running", -1) == 2; }));
  EXPECT_THAT(world_.ConditionOf("agentpool", "team", "Stopped"), testing::StartsWith("False/"));
  Pods(R"({"observedGeneration":100,"replicas":0,"terminatingReplicas":0})");
  ASSERT_TRUE(world_.Eventually("it is stopped", [&] {
    return PoolState() == "Stopped" && Agent().value("running", -1) == 0;
  }));
  EXPECT_EQ(world_.ConditionOf("agentpool", "team", "Stopped"), "True/BudgetExhausted");
}

// As before Kubernetes 1.35.
TEST_F(StoppingTest, WhereADeploymentDoesNotTellWhichPodsEndTheyAreLookedAt) {
  OnePool();
  Pods(R"({"observedGeneration":1,"replicas":1})");
  const auto uid_of = [&](const std::string& kind) {
    return world_.Get(kind, "worker")["metadata"]["uid"].get<std::string>();
  };
  const auto make = [&](const std::string& head, const std::string& owner,
                        const std::string& rest) {
    const std::string text = head + "\nmetadata: {name: worker, labels: {app: worker}, " +
                             "ownerReferences: [{apiVersion: apps/v1, kind: " + owner +
                             ", name: worker, controller: true, uid: " + uid_of(owner) + "}]}\n" +
                             rest;
    return world_.cluster().Kubectl({"-n", world_.ns(), "create", "-f", "-"}, text).code;
  };
  const std::string containers = "{containers: [{name: agent, image: example/agent}]}";
  ASSERT_EQ(make("apiVersion: apps/v1\nkind: ReplicaSet", "Deployment",
                 "spec: {replicas: 0, selector: {matchLabels: {app: worker}}, template: {metadata: "
                 "{labels: {app: worker}}, spec: " +
                     containers + "}}\n"),
            0);
  ASSERT_EQ(make("apiVersion: v1\nkind: Pod", "ReplicaSet", "spec: " + containers + "\n"), 0);
  world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}");
  Run();
  ASSERT_TRUE(Stopped());
  Pods(R"({"observedGeneration":100,"replicas":0})");
  ASSERT_TRUE(world_.Eventually(
      "one ends", [&] { return PoolState() == "Stopping" && Agent().value("running", -1) == 1; }));
  EXPECT_THAT(world_.ConditionOf("agentpool", "team", "Stopped"), testing::StartsWith("False/"));
  world_.Kubectl({"delete", "pod", "worker", "--force", "--grace-period=0"});
  ASSERT_TRUE(world_.Eventually("it is stopped", [&] {
    return PoolState() == "Stopped" && Agent().value("running", -1) == 0;
  }));
}

}  // namespace
}  // namespace purser::integration
