// Workloads of every kind: stopped by what stops them, and as they were afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/restore.h"
#include "integration/operator/enforcement.h"
#include "kube/access.h"

namespace purser::integration {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Jobs and ReplicaSets need their controllers, and pods nodes.
class WithControllers final : public testing::Environment {
  void SetUp() override { support::SharedCluster("kwok"); }
};
// NOLINTNEXTLINE(cert-err58-cpp): GoogleTest's way, and it owns the environment
[[maybe_unused]] const auto* const kWithControllers =
    testing::AddGlobalTestEnvironment(new WithControllers);

std::string Definitions() {
  std::ifstream stream(PURSER_SOURCE_DIR "/tests/integration/operator/kinds/definitions.yaml");
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// On no node, where they would be over at once.
const char* const kPodTemplate =
    "template: {spec: {restartPolicy: Never, nodeSelector: {there: none}, "
    "containers: [{name: a, image: example/agent}]}}";

class KindsTest : public EnforcementTest {
 protected:
  KindsTest() {
    static const bool defined = [this] {
      world_.Apply(Definitions());
      return world_.Kubectl({"wait", "--for=condition=Established", "crd", "--all"}).code == 0;
    }();
    EXPECT_TRUE(defined);
  }
  // One agent of each reference, named by its place: "a0", "a1" …, in the pool "team".
  void Agents(const std::vector<std::string>& references, const std::string& extra = "") {
    std::string yaml =
        "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: {name: team}\nspec:\n"
        "  maxConcurrency: 20\n" +
        extra + "  agents:\n";
    for (std::size_t i = 0; i < references.size(); ++i) {
      yaml += "  - {name: a" + std::to_string(i) + ", workloadRef: " + references[i] + "}\n";
    }
    world_.Apply(yaml);
  }
  void Object(const std::string& api_version, const std::string& kind, const std::string& name,
              const std::string& spec) {
    world_.Apply("apiVersion: " + api_version + "\nkind: " + kind + "\nmetadata: {name: " + name +
                 "}\nspec: " + spec + "\n");
  }
  void StopAt10() { world_.Budget("daily", "limit: \"10\"", "{pools: [team]}"); }
  void Restore() {
    world_.Kubectl(
        {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"5000"}})"});
  }
  json At(const std::string& kind, const std::string& name, const std::string& pointer) {
    const auto object = world_.Get(kind, name);
    const json::json_pointer at(pointer);
    return object.contains(at) ? object.at(at) : json();
  }
  bool Becomes(const std::string& kind, const std::string& name, const std::string& pointer,
               const json& want) {
    return world_.Eventually(kind + " " + name + " " + pointer + " is " + want.dump(),
                             [&] { return At(kind, name, pointer) == want; });
  }
  bool PoolIs(const std::string& state) {
    return world_.Eventually("the pool is " + state, [&] { return PoolState() == state; });
  }
};

struct Example {
  std::string api_version, kind, resource, spec, pointer;
  json before, stopped;
};

const std::vector<Example>& Examples() {
  static const std::vector<Example> examples = {
      {"agents.x-k8s.io/v1beta1", "Sandbox", "sandbox", "{}", "/spec/operatingMode", "Running",
       "Suspended"},
      {"ray.io/v1", "RayJob", "rayjob", "{suspend: false, keep: 1}", "/spec/suspend", false, true},
      {"ray.io/v1", "RayCluster", "raycluster", "{keep: 1}", "/spec/suspend", json(), true},
      {"jobset.x-k8s.io/v1alpha2", "JobSet", "jobset", "{suspend: false}", "/spec/suspend", false,
       true},
      {"argoproj.io/v1alpha1", "Workflow", "workflow", "{}", "/spec/suspend", json(), true},
      {"openclaw.rocks/v1alpha1", "OpenClawInstance", "openclawinstance", "{suspended: false}",
       "/spec/suspended", false, true},
      {"serving.kserve.io/v1beta1", "InferenceService", "inferenceservice",
       "{predictor: {minReplicas: 3, maxReplicas: 9}}", "/spec/predictor/minReplicas", 3, 0},
      {"example.com/v1", "Fleet", "fleet", "{size: {wanted: 7}}", "/spec/size/wanted", 7, 0},
      {"batch/v1", "Job", "job", std::string("{parallelism: 2, ") + kPodTemplate + "}",
       "/spec/suspend", false, true},
      {"batch/v1", "CronJob", "cronjob",
       std::string("{schedule: \"0 0 1 1 *\", jobTemplate: {spec: {") + kPodTemplate + "}}}",
       "/spec/suspend", false, true},
  };
  return examples;
}

TEST_F(KindsTest, EveryKindIsStoppedByWhatStopsItAndIsAsItWasAfterwards) {
  std::vector<std::string> references = {
      "{apiVersion: example.com/v1, kind: Robot, name: x, "
      "switch: {path: /spec/modes/work, stopped: Idle}}"};
  Object("example.com/v1", "Robot", "x", "{modes: {work: Fast, other: 1}}");
  for (const auto& one : Examples()) {
    Object(one.api_version, one.kind, "x", one.spec);
    references.push_back("{apiVersion: " + one.api_version + ", kind: " + one.kind + ", name: x}");
  }
  ASSERT_TRUE(world_.Eventually("the Job has pods",
                                [&] { return At("job", "x", "/status/active") == json(2); }));
  Agents(references);
  Spend("a0", "11");
  StopAt10();
  Run();
  EXPECT_TRUE(Becomes("robot", "x", "/spec/modes/work", "Idle"));
  for (const auto& one : Examples())
    EXPECT_TRUE(Becomes(one.resource, "x", one.pointer, one.stopped)) << one.kind;
  ASSERT_TRUE(PoolIs("Stopped"));
  EXPECT_EQ(At("job", "x", "/status/active"), json());
  EXPECT_EQ(At("robot", "x", "/spec/modes/other"), json(1));
  EXPECT_EQ(At("inferenceservice", "x", "/spec/predictor/maxReplicas"), json(9));
  const auto told = world_.StatusOf("agentpool", "team")["agents"][0];
  EXPECT_EQ(told["savedValue"], "\"Fast\"");
  EXPECT_EQ(told["workload"]["switch"]["path"], "/spec/modes/work");

  // A restart, and the first copy of one of them lost: the status restores it.
  running_.reset();
  world_.Kubectl({"annotate", "robot.example.com", "x", "purser.dev/saved-"});
  Restore();
  Run();
  EXPECT_TRUE(Becomes("robot", "x", "/spec/modes/work", "Fast"));
  for (const auto& one : Examples())
    EXPECT_TRUE(Becomes(one.resource, "x", one.pointer, one.before)) << one.kind;
  EXPECT_TRUE(world_.Eventually("nothing of ours is left on them", [&] {
    return At("robot", "x", "/metadata/annotations/purser.dev~1saved").is_null() &&
           At("job", "x", "/metadata/annotations/purser.dev~1saved").is_null();
  }));

  // Stopped once more, and restored without an operator.
  world_.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"10"}})"});
  ASSERT_TRUE(PoolIs("Stopped"));
  for (const auto& one : Examples())
    ASSERT_EQ(At(one.resource, "x", one.pointer), one.stopped) << one.kind;
  running_.reset();
  world_.Kubectl({"annotate", "robot.example.com", "x", "purser.dev/saved-"});
  app::RestoreOptions options;
  options.access = kube::LoadKubeconfig({world_.cluster().kubeconfig()}).value();
  options.namespaces = {world_.ns()};
  const auto restored = app::Restore(options, {});
  ASSERT_TRUE(restored.ok()) << restored.error().message();
  EXPECT_EQ(At("robot", "x", "/spec/modes/work"), json("Fast"));
  for (const auto& one : Examples())
    EXPECT_EQ(At(one.resource, "x", one.pointer), one.before) << one.kind;
}

// A small one of AgentSelector.JobsThatComeAndGoLeaveNothingBehind.
TEST_F(KindsTest, JobsByLabelAreHeldAsTheyComeAndGo) {
  const auto jobs = [&](const std::string& batch) {
    std::string yaml;
    for (int i = 0; i < 20; ++i) {
      yaml += "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: " + batch +
              std::to_string(i) + ", labels: {team: a, batch: " + batch +
              ", purser.dev/agent: crawler}}\nspec: {" + kPodTemplate + "}\n";
    }
    world_.Apply(yaml);
  };
  const auto suspended = [&](const std::string& batch) {
    return world_.Eventually("all of " + batch + " are suspended", [&] {
      const auto told = world_.Kubectl(
          {"get", "jobs", "-l", "batch=" + batch, "-o", "jsonpath={.items[*].spec.suspend}"});
      const auto& text = told.out;
      return text.find("false") == std::string::npos &&
             std::count(text.begin(), text.end(), 'u') == 20;  // true
    });
  };
  world_.Apply(
      "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: {name: team}\nspec:\n"
      "  maxConcurrency: 20\n  agentSelector: {matchLabels: {team: a}}\n");
  jobs("first");
  Spend("crawler", "11");
  StopAt10();
  Run();
  ASSERT_TRUE(suspended("first"));
  for (const char* batch : {"second", "third"}) {
    jobs(batch);
    ASSERT_TRUE(suspended(batch));
    world_.Kubectl({"delete", "jobs", "-l", std::string("batch=") + batch, "--wait=false"});
  }
  ASSERT_TRUE(world_.Eventually("the first are held, of one agent", [&] {
    const auto status = world_.StatusOf("agentpool", "team");
    return status.value("agentCount", 0) == 1 && status["agents"][0]["name"] == "crawler" &&
           status["agents"][0].value("workloads", json::array()).size() == 20;
  }));
  ASSERT_TRUE(PoolIs("Stopped"));
  Restore();
  ASSERT_TRUE(world_.Eventually("the first go on", [&] {
    const auto told = world_.Kubectl({"get", "jobs", "-o", "jsonpath={.items[*].spec.suspend}"});
    return told.out.find("true") == std::string::npos;
  }));
}

TEST_F(KindsTest, TheJobsOfACronJobAreSuspendedAndGoOnWithIt) {
  Object("batch/v1", "CronJob", "nightly",
         std::string("{schedule: \"0 0 1 1 *\", jobTemplate: {spec: {") + kPodTemplate + "}}}");
  world_.Kubectl({"create", "job", "run", "--from=cronjob/nightly"});
  Agents({"{apiVersion: batch/v1, kind: CronJob, name: nightly}"});
  Spend("a0", "11");
  StopAt10();
  Run();
  ASSERT_TRUE(Becomes("cronjob", "nightly", "/spec/suspend", true));
  ASSERT_TRUE(Becomes("job", "run", "/spec/suspend", true));
  ASSERT_TRUE(PoolIs("Stopped"));
  // One that is made by hand meanwhile is stopped on sight.
  world_.Kubectl({"create", "job", "another", "--from=cronjob/nightly"});
  ASSERT_TRUE(Becomes("job", "another", "/spec/suspend", true));
  Restore();
  for (const char* job : {"run", "another"})
    EXPECT_TRUE(Becomes("job", job, "/spec/suspend", false));
  EXPECT_TRUE(Becomes("cronjob", "nightly", "/spec/suspend", false));
}

TEST_F(KindsTest, JobsMayFinishWhereThePoolSaysSo) {
  Object("batch/v1", "CronJob", "nightly",
         std::string("{schedule: \"0 0 1 1 *\", jobTemplate: {spec: {") + kPodTemplate + "}}}");
  world_.Kubectl({"create", "job", "run", "--from=cronjob/nightly"});
  Agents({"{apiVersion: batch/v1, kind: CronJob, name: nightly}"},
         "  scaling: {runningJobs: Finish}\n");
  Spend("a0", "11");
  StopAt10();
  Run();
  ASSERT_TRUE(Becomes("cronjob", "nightly", "/spec/suspend", true));
  ASSERT_TRUE(PoolIs("Stopping"));
  EXPECT_EQ(At("job", "run", "/spec/suspend"), json(false));
  world_.Kubectl({"delete", "job", "run"});
  ASSERT_TRUE(PoolIs("Stopped"));
}

TEST_F(KindsTest, StoppedMeansThatThePodsAreGone) {
  Object("example.com/v1", "Robot", "x", "{active: true}");
  const auto uid = At("robot", "x", "/metadata/uid").get<std::string>();
  // A pod of a ReplicaSet of the robot.
  world_.Apply(
      "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: arm, ownerReferences: "
      "[{apiVersion: example.com/v1, kind: Robot, name: x, uid: " +
      uid +
      "}]}\nspec: {replicas: 1, selector: {matchLabels: {app: arm}}, template: {metadata: {labels: "
      "{app: arm}}, spec: {containers: [{name: a, image: example/agent}]}}}\n");
  Agents(
      {"{apiVersion: example.com/v1, kind: Robot, name: x, "
       "switch: {path: /spec/active, stopped: false}}"});
  Spend("a0", "11");
  StopAt10();
  Run();
  ASSERT_TRUE(Becomes("robot", "x", "/spec/active", false));
  ASSERT_TRUE(world_.Eventually("the pod is seen", [&] {
    return world_.StatusOf("agentpool", "team")["agents"][0].value("running", 0) == 1;
  }));
  EXPECT_EQ(PoolState(), "Stopping");
  world_.Kubectl({"delete", "replicaset", "arm"});
  ASSERT_TRUE(PoolIs("Stopped"));
  // Somebody switches it on again: it is switched off again, and that is what is restored.
  world_.Kubectl(
      {"patch", "robot.example.com", "x", "--type=merge", "-p", R"({"spec":{"active":"half"}})"});
  ASSERT_TRUE(Becomes("robot", "x", "/spec/active", false));
  Restore();
  ASSERT_TRUE(Becomes("robot", "x", "/spec/active", "half"));
}

TEST_F(KindsTest, AKindThatIsNotGrantedIsTold) {
  const auto role = [this](const std::string& more) {
    world_.Apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: limited}\n"
        "rules:\n- {apiGroups: [purser.dev, apps, events.k8s.io, coordination.k8s.io], resources: "
        "['*'], verbs: ['*']}\n" +
        more);
  };
  role("");
  world_.Kubectl({"create", "serviceaccount", "limited"});
  world_.Kubectl({"create", "clusterrolebinding", "limited", "--clusterrole=limited",
                  "--serviceaccount=" + world_.ns() + ":limited"});
  std::string token = world_.Kubectl({"create", "token", "limited"}).out;
  while (!token.empty() && token.back() == '\n') token.pop_back();
  const std::string kubeconfig = world_.folder() + "/limited.kubeconfig";
  std::filesystem::copy_file(world_.cluster().kubeconfig(), kubeconfig);
  for (const auto& change :
       {std::vector<std::string>{"set-credentials", "limited", "--token=" + token},
        std::vector<std::string>{"set-context", "--current", "--user=limited"}}) {
    std::vector<std::string> command = {world_.cluster().bin() + "/kubectl",
                                        "--kubeconfig=" + kubeconfig, "config"};
    command.insert(command.end(), change.begin(), change.end());
    ASSERT_EQ(support::RunToEnd(command).code, 0);
  }
  world_.Deployment("worker", 5);
  Object("example.com/v1", "Robot", "x", "{active: true}");
  Agents({"{kind: Deployment, name: worker}",
          "{apiVersion: example.com/v1, kind: Robot, name: x, "
          "switch: {path: /spec/active, stopped: false}}"});
  Spend("a0", "11");
  StopAt10();
  running_ = std::make_unique<support::RunningOperator>(
      world_.Config(Spend::Shared().prometheus.url()), kubeconfig, nullptr);
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    return world_.MessageOf("agentpool", "team", "WorkloadsResolved")
               .find("rbac.extraKinds: [{group: example.com, resource: robots}]") !=
           std::string::npos;
  }));
  EXPECT_EQ(world_.ConditionOf("agentpool", "team", "WorkloadsResolved"), "False/KindNotGranted");
  role(
      "- {apiGroups: [example.com], resources: [robots, robots/scale], verbs: [list, watch, patch]}"
      "\n");
  EXPECT_TRUE(world_.Eventually(
      "the robot is stopped", [&] { return At("robot", "x", "/spec/active") == json(false); },
      std::chrono::seconds(60)));
}

TEST_F(KindsTest, AKindThatCannotBeSeenIsToldAndHoldsUpNobody) {
  world_.Deployment("worker", 5);
  Object("example.com/v1", "Robot", "x", "{}");
  Agents({"{kind: Deployment, name: worker}",
          "{apiVersion: example.org/v1, kind: Ghost, name: g, "
          "switch: {path: /spec/active, stopped: false}}",
          "{apiVersion: example.com/v1, kind: Robot, name: x}"});
  Spend("a0", "11");
  StopAt10();
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    const auto message = world_.MessageOf("agentpool", "team", "WorkloadsResolved");
    return message.find("example.org/v1 Ghost is not served") != std::string::npos &&
           message.find("workloadRef.switch: {path: /spec/suspend") != std::string::npos;
  }));
  EXPECT_THAT(world_.ConditionOf("agentpool", "team", "Ready"), HasSubstr("False/Kind"));
  // It is installed.
  world_.Apply(R"(apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ghosts.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Ghost, plural: ghosts, singular: ghost}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
)");
  world_.Kubectl({"wait", "--for=condition=Established", "crd", "ghosts.example.org"});
  Object("example.org/v1", "Ghost", "g", "{active: true}");
  EXPECT_TRUE(world_.Eventually(
      "the ghost is stopped", [&] { return At("ghost", "g", "/spec/active") == json(false); },
      std::chrono::seconds(45)));
  // A pool that goes restores, and leaves nobody waiting for the kind that is not there.
  world_.Kubectl({"delete", "agentpool", "team"});
  EXPECT_EQ(At("ghost", "g", "/spec/active"), json(true));
  EXPECT_TRUE(Returned());
  world_.Kubectl({"delete", "crd", "ghosts.example.org"});
}

}  // namespace
}  // namespace purser::integration
