// API servers of before Kubernetes 1.35: Deployments do not tell which of their pods are about to
// end.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

Json Owned(const char* kind, const std::string& name, const Json& owner) {
  const auto& meta = owner["metadata"];
  return {{"apiVersion", "v1"},
          {"kind", kind},
          {"metadata",
           {{"namespace", kStageNamespace},
            {"name", name},
            {"ownerReferences",
             {{{"apiVersion", "apps/v1"},
               {"kind", owner["kind"]},
               {"name", meta["name"]},
               {"uid", meta["uid"]},
               {"controller", true}}}}}}};
}

TEST(OlderServer, ADeploymentIsStoppedWhenItsPodsAreGone) {
  Stage stage;
  stage.api().TellNoTerminating();
  stage.Deployment("worker", 1);
  stage.Deployment("other", 1);
  for (const char* name : {"worker", "other"}) {
    stage.api().Create("replicasets", Owned("ReplicaSet", name,
                                            stage.api().Get("deployments", kStageNamespace, name)));
    stage.api().Create("pods",
                       Owned("Pod", name, stage.api().Get("replicasets", kStageNamespace, name)));
  }
  stage.Pool("team", {"worker"});
  stage.Budget("daily", {{"limit", "0"}});
  stage.Start();
  stage.Pass(seconds(40));
  EXPECT_EQ(stage.Replicas("worker"), 0);
  const auto state = [&] { return stage.StatusOf("agentpools", "team")["state"]; };
  EXPECT_EQ(state(), "Stopping") << "it ends slowly";
  EXPECT_EQ(stage.StatusOf("agentpools", "team")["agents"][0]["running"], 1);
  stage.api().Delete("pods", kStageNamespace, "worker");
  stage.Pass(seconds(75));
  EXPECT_EQ(state(), "Stopped") << "whatever runs beside it";
  // Nothing is asked any more.
  const auto version = stage.api().version();
  const auto reads = stage.api().reads();
  stage.Pass(seconds(600));
  EXPECT_EQ(stage.api().reads(), reads);
  EXPECT_EQ(stage.api().version(), version);
}

}  // namespace
}  // namespace purser::controllers
