// Limits in ConfigMaps: remembered, restored, never fought over, never the end
// of the process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "integration/operator/enforcement.h"
#include "support/raw_server.h"

namespace purser::integration {
namespace {

using testing::HasSubstr;

class LimitsTest : public EnforcementTest {
 protected:
  nlohmann::json Held(const std::string& config_map) {
    const auto data = world_.Get("configmap", config_map).value("data", nlohmann::json::object());
    const auto limits = nlohmann::json::parse(data.value("limits.json", ""), nullptr, false);
    return limits.is_object() ? limits : nlohmann::json::object();
  }
  bool Is(const std::string& config_map, int maximum) {
    return world_.Eventually(config_map + " allows " + std::to_string(maximum), [&] {
      return Held(config_map).value("maxConcurrency", -1) == maximum;
    });
  }
  void Targets(const std::string& list) {
    world_.Kubectl({"patch", "agentpool", "team", "--type=merge", "--patch",
                    R"({"spec":{"limitTargets":)" + list + "}}"});
  }
  void Nothing() { world_.Budget("nothing", "limit: \"0\"", "{pools: [team]}"); }
};

constexpr const char* kOne =
    "  limitTargets: [{configMap: {name: first}}]\n  "
    "scaling: {onStop: Keep, drainSeconds: 0}\n";

TEST_F(LimitsTest, TheDocumentTellsWhoseWhyAndUntilWhen) {
  OnePool(kOne);
  Nothing();
  Run();
  ASSERT_TRUE(Is("first", 0));
  const auto limits = Held("first");
  EXPECT_EQ(limits["version"], 1);
  EXPECT_EQ(limits["namespace"], world_.ns());
  EXPECT_EQ(limits["pool"], "team");
  EXPECT_EQ(limits["band"], 100);
  EXPECT_EQ(limits["budget"], "nothing");
  EXPECT_THAT(limits["resetsAt"].get<std::string>(), HasSubstr("T00:00:00Z"));
  EXPECT_EQ(world_.Get("configmap", "first")["metadata"]["labels"]["purser.dev/pool"], "team");
  EXPECT_TRUE(world_.Eventually("the status says where", [&] {
    const auto targets =
        world_.StatusOf("agentpool", "team").value("limitTargets", nlohmann::json::array());
    return targets.size() == 1 && targets[0]["configMap"]["name"] == "first";
  }));
  const auto issued = limits["issuedAt"];
  running_.reset();
  Run();
  ASSERT_TRUE(world_.Eventually("it is read again", [&] {
    return World::MetricOf(running_->port(),
                           "purser_reconcile_duration_seconds_count{controller="
                           "\"agentpool\"}") > 0;
  }));
  EXPECT_EQ(Held("first")["issuedAt"], issued) << "nothing else changed";
}

TEST_F(LimitsTest, ATargetRemovedWhileNobodyLooksIsRestored) {
  OnePool(kOne);
  Nothing();
  Run();
  ASSERT_TRUE(Is("first", 0));
  ASSERT_TRUE(world_.Eventually("it is remembered", [&] {
    return !world_.StatusOf("agentpool", "team")
                .value("limitTargets", nlohmann::json::array())
                .empty();
  }));
  running_.reset();
  Targets("[]");
  Run();
  ASSERT_TRUE(Is("first", 20));
  ASSERT_TRUE(world_.Eventually("it is remembered no more", [&] {
    return world_.StatusOf("agentpool", "team")
        .value("limitTargets", nlohmann::json::array())
        .empty();
  }));
}

TEST_F(LimitsTest, AKeyThatHoldsSomethingElseIsLeftAlone) {
  world_.Kubectl({"create", "configmap", "first", "--from-literal=limits.json=theirs"});
  OnePool(kOne);
  Run();
  ASSERT_TRUE(world_.Eventually("it is refused", [&] {
    return world_.ConditionOf("agentpool", "team", "LimitsPublished") == "False/PublishFailed";
  }));
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "LimitsPublished"),
              testing::AllOf(HasSubstr("first key limits.json"), HasSubstr("name another")));
  EXPECT_EQ(world_.Get("configmap", "first")["data"]["limits.json"], "theirs");
}

TEST_F(LimitsTest, OfTwoPoolsOnOneKeyTheSecondIsToldAndWritesNothing) {
  OnePool(kOne);
  Run();
  ASSERT_TRUE(Is("first", 20));
  world_.Deployment("another", 1);
  world_.Pool("other", {"another"}, 7, "  limitTargets: [{configMap: {name: first}}]\n");
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    return world_.ConditionOf("agentpool", "other", "LimitsPublished") == "False/PublishFailed";
  }));
  EXPECT_THAT(world_.MessageOf("agentpool", "other", "LimitsPublished"),
              HasSubstr("AgentPool team"));
  EXPECT_EQ(Held("first")["pool"], "team");
}

TEST_F(LimitsTest, WhatSomebodyElseMakesOfADocumentIsCorrectedAtOnce) {
  OnePool(kOne);
  Nothing();
  Run();
  ASSERT_TRUE(Is("first", 0));
  auto wrong = Held("first");
  wrong["maxConcurrency"] = 500;
  const nlohmann::json edit{{"data", {{"limits.json", wrong.dump()}}}};
  const auto began = std::chrono::steady_clock::now();
  world_.Kubectl({"patch", "configmap", "first", "--type=merge", "--patch", edit.dump()});
  ASSERT_TRUE(Is("first", 0));
  world_.Kubectl({"delete", "configmap", "first"});
  ASSERT_TRUE(Is("first", 0));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST_F(LimitsTest, AFieldOfAnyObjectIsLoweredAndRestored) {
  world_.Kubectl({"create", "quota", "most", "--hard=pods=30"});
  OnePool(
      "  limitTargets: [{field: {apiVersion: v1, kind: ResourceQuota, name: most, path: "
      "/spec/hard/pods}}]\n  scaling: {drainSeconds: 0}\n");
  Nothing();
  Run();
  const auto quota = [&] { return world_.Get("quota", "most"); };
  const auto pods_are = [&](const std::string& pods) {
    return world_.Eventually("the quota is " + pods,
                             [&] { return quota()["spec"]["hard"]["pods"] == pods; });
  };
  ASSERT_TRUE(pods_are("0"));
  EXPECT_TRUE(quota()["metadata"]["annotations"].contains("purser.dev/limited"));
  EXPECT_TRUE(world_.Eventually("the status says what was there", [&] {
    const auto targets =
        world_.StatusOf("agentpool", "team").value("limitTargets", nlohmann::json::array());
    return targets.size() == 1 && targets[0].value("before", "") == "\"30\"";
  }));
  world_.Kubectl(
      {"patch", "quota", "most", "--type=merge", "--patch", R"({"spec":{"hard":{"pods":"40"}}})"});
  ASSERT_TRUE(pods_are("0"));
  EXPECT_EQ(world_.Kubectl({"delete", "agentpool", "team", "--timeout=20s"}).code, 0);
  ASSERT_TRUE(pods_are("40")) << "what somebody wrote meanwhile is theirs";
  EXPECT_FALSE(quota()["metadata"]
                   .value("annotations", nlohmann::json::object())
                   .contains("purser.dev/limited"));
}

TEST_F(LimitsTest, AWebhookIsToldSignedAndThatNothingIsLimitedBeforeThePoolGoes) {
  support::RawServer gateway(support::HttpAnswer(204, "text/plain", ""));
  auto config = world_.Config(Spend::Shared().prometheus.url());
  const auto secret = world_.folder() + "/secret";
  std::ofstream(secret) << "s3cret\n";
  config.limit_webhooks = {
      {"gateway", gateway.url() + "/limits", secret, "", std::chrono::seconds(5)}};
  OnePool("  limitTargets: [{webhook: {name: gateway}}]\n  scaling: {drainSeconds: 0}\n");
  Nothing();
  running_ =
      std::make_unique<support::RunningOperator>(config, world_.cluster().kubeconfig(), nullptr);
  const auto told = [&](const std::string& what) {
    return world_.Eventually("it is told " + what, [&] {
      return gateway.last_request().find(what) != std::string::npos;
    });
  };
  ASSERT_TRUE(told("\"maxConcurrency\":0,"));
  EXPECT_THAT(gateway.last_request(), HasSubstr("webhook-signature:v1,"));
  ASSERT_TRUE(world_.Eventually("it is told in the pool", [&] {
    return world_.ConditionOf("agentpool", "team", "LimitsPublished") == "True/Published";
  }));
  gateway.SetAnswer(support::HttpAnswer(503, "text/plain", ""));
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  ASSERT_TRUE(world_.Eventually("what it answers is told", [&] {
    return world_.MessageOf("agentpool", "team", "LimitsPublished").find("answered 503") !=
           std::string::npos;
  }));
  ASSERT_TRUE(Returned());
  gateway.SetAnswer(support::HttpAnswer(204, "text/plain", ""));
  EXPECT_EQ(world_.Kubectl({"delete", "agentpool", "team", "--timeout=30s"}).code, 0);
  ASSERT_TRUE(told("\"maxConcurrency\":20,"));
}

TEST_F(LimitsTest, WhatNobodyMayWriteKeepsNoPoolFromGoing) {
  OnePool(kOne);
  Nothing();
  Run();
  ASSERT_TRUE(Is("first", 0));
  world_.Kubectl(
      {"patch", "configmap", "first", "--type=merge", "--patch", R"({"immutable":true})"});
  EXPECT_EQ(world_.Kubectl({"delete", "agentpool", "team", "--timeout=20s"}).code, 0);
  EXPECT_TRUE(world_.Eventually("it is told", [&] {
    return world_.Kubectl({"get", "events", "-o", "custom-columns=R:.reason"})
               .out.find("LimitsNotRestored") != std::string::npos;
  }));
}

TEST_F(LimitsTest, ATextOfBracketsEndsNothing) {
  OnePool(kOne);
  Nothing();
  Run();
  ASSERT_TRUE(Is("first", 0));
  const std::string document =
      "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
      "\"first\"},\"data\":{\"limits.json\":\"{\\\"pool\\\":" +
      std::string(400'000, '[') + "\"}}";
  ASSERT_EQ(world_.cluster().Kubectl({"-n", world_.ns(), "replace", "-f", "-"}, document).code, 0);
  EXPECT_EQ(world_.Kubectl({"delete", "agentpool", "team", "--timeout=20s"}).code, 0);
  EXPECT_GE(World::MetricOf(running_->port(), "purser_leader"), 0) << "it lives";
}

TEST_F(LimitsTest, OurHoldOnThePoolGoesWithWhatWasTaken) {
  OnePool(kOne);
  Nothing();
  Run();
  const auto held = [&] {
    return world_.Get("agentpool", "team")["metadata"].contains("finalizers");
  };
  ASSERT_TRUE(Is("first", 0));
  EXPECT_TRUE(held()) << "before the first limit fell";
  Targets("[]");
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  ASSERT_TRUE(world_.Eventually("it is let go", [&] { return !held(); }));
  EXPECT_EQ(Held("first")["maxConcurrency"], 20);
}

TEST_F(LimitsTest, APersonStopsAPoolWhateverWasSpent) {
  OnePool();
  Run();
  world_.Kubectl({"patch", "agentpool", "team", "--type=merge", "--patch",
                  R"({"spec":{"stop":{"reason":"prompt injection"}}})"});
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is told", [&] {
    return world_.ConditionOf("agentpool", "team", "Stopped") == "True/StoppedByPerson";
  }));
  EXPECT_THAT(world_.MessageOf("agentpool", "team", "Stopped"), HasSubstr("prompt injection"));
  world_.Kubectl(
      {"patch", "agentpool", "team", "--type=merge", "--patch", R"({"spec":{"stop":null}})"});
  ASSERT_TRUE(Returned());
}

TEST_F(LimitsTest, ARestoreByHandWaitsForAPerson) {
  OnePool("  scaling: {restore: Manual}\n");
  Nothing();
  Run();
  ASSERT_TRUE(Stopped());
  ASSERT_TRUE(world_.Eventually("it is stopped", [&] { return PoolState() == "Stopped"; }));
  world_.Kubectl({"delete", "agentbudget", "nothing"});
  ASSERT_TRUE(world_.Eventually("it waits", [&] {
    return world_.MessageOf("agentpool", "team", "Stopped").find("purser.dev/restore") !=
           std::string::npos;
  }));
  EXPECT_EQ(world_.Replicas("worker"), 0);
  running_.reset();
  Run();
  ASSERT_TRUE(world_.Eventually("it is read", [&] { return PoolState() == "Stopped"; }));
  EXPECT_EQ(world_.Replicas("worker"), 0);
  world_.Kubectl({"annotate", "agentpool", "team", "purser.dev/restore=now"});
  ASSERT_TRUE(Returned());
  ASSERT_TRUE(world_.Eventually("the annotation is taken off", [&] {
    return !world_.Get("agentpool", "team")["metadata"]
                .value("annotations", nlohmann::json::object())
                .contains("purser.dev/restore");
  }));
}

}  // namespace
}  // namespace purser::integration
