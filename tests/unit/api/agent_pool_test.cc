#include "api/agent_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/codec.h"
#include "unit/api/decode_json.h"

namespace purser::api {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAgent = R"({"name":"a","workloadRef":{"kind":"Deployment","name":"a"}})";

TEST(AgentPoolTest, TheSmallestSpecGetsEveryDefault) {
  const auto pool = PoolWithSpec(std::string(R"({"maxConcurrency":20,"agents":[)") + kAgent + "]}");
  ASSERT_TRUE(pool.ok());
  ASSERT_EQ(pool->invalid, std::nullopt);
  AgentPoolSpec want;
  want.agents = {{"a", {"apps/v1", "Deployment", "a"}, std::nullopt}};
  want.max_concurrency = 20;
  want.priority = 0;
  want.scaling = {OnThrottle::kProportional, OnStop::kZero, 1, 60};
  EXPECT_EQ(pool->spec, want);
}

TEST(AgentPoolTest, EveryFieldIsRead) {
  const auto pool = PoolWithSpec(R"({
    "agents": [{"name": "a", "workloadRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s.x"},
                "maxConcurrency": 8, "tasks": [], "models": []}],
    "maxConcurrency": 100000, "priority": -5,
    "scaling": {"onThrottle": "Keep", "onStop": "Keep", "minReplicas": 0, "drainSeconds": 0},
    "limitTargets": [{"configMap": {"name": "l"}},
                     {"configMap": {"name": "l", "key": "other"}, "validSeconds": 600},
                     {"field": {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "x",
                                "path": "/spec/maxReplicaCount"}},
                     {"webhook": {"name": "substrate"}, "validSeconds": 60}]})",
                                 UnknownFields::kReject);
  ASSERT_TRUE(pool.ok());
  ASSERT_EQ(pool->invalid, std::nullopt);
  AgentPoolSpec want;
  want.agents = {{"a", {"apps/v1", "StatefulSet", "s.x"}, 8}};
  want.max_concurrency = 100'000;
  want.priority = -5;
  want.scaling = {OnThrottle::kKeep, OnStop::kKeep, 0, 0};
  want.limit_targets = {
      {{"l", "limits.json"}, {}, {}, {}},
      {{"l", "other"}, {}, {}, 600},
      {{}, FieldTarget{"keda.sh/v1alpha1", "ScaledObject", "x", "/spec/maxReplicaCount"}, {}, {}},
      {{}, {}, WebhookTarget{"substrate"}, 60}};
  EXPECT_EQ(pool->spec, want);
}

struct RefusedCase {
  std::string name;
  std::string spec;
  std::vector<std::string> want;
};

std::string With(const std::string& field) {
  return std::string(R"({"maxConcurrency":20,"agents":[)") + kAgent + "]," + field + "}";
}
std::string WithAgents(const std::string& agents) {
  return R"({"maxConcurrency":20,"agents":)" + agents + "}";
}
std::string WithAgent(const std::string& field) {
  return WithAgents(R"([{"name":"a","workloadRef":{"kind":"Deployment","name":"a"},)" + field +
                    "}]");
}
std::string WithWorkload(const std::string& workload) {
  return WithAgents(R"([{"name":"a","workloadRef":)" + workload + "}]");
}

TEST(AgentPoolTest, WhatIsRefusedNamesFieldValueAndWayOut) {
  const std::vector<RefusedCase> cases = {
      {"no agents", R"({"maxConcurrency":1})", {"spec.agents: is required; list at least one"}},
      {"agents misspelt", R"({"maxConcurrency":1,"agent":[]})", {"spec.agents: is required"}},
      {"agents empty", WithAgents("[]"), {"spec.agents: is required"}},
      {"agents an object", WithAgents("{}"), {"spec.agents: want a list, got an object"}},
      {"no ceiling",
       std::string(R"({"agents":[)") + kAgent + "]}",
       {"spec.maxConcurrency: is required"}},
      {"ceiling 0",
       std::string(R"({"maxConcurrency":0,"agents":[)") + kAgent + "]}",
       {"spec.maxConcurrency: 0", "1 to 100000"}},
      {"no name",
       WithAgents(R"([{"workloadRef":{"kind":"Deployment","name":"a"}}])"),
       {"spec.agents[0].name: is required"}},
      {"empty name",
       WithAgents(R"([{"name":"","workloadRef":{"kind":"Deployment","name":"a"}}])"),
       {"spec.agents[0].name: \"\": want 1 to 128"}},
      {"name twice",
       WithAgents(std::string("[") + kAgent +
                  R"(,{"name":"a","workloadRef":{"kind":"Deployment","name":"b"}}])"),
       {"spec.agents[1].name: \"a\" is the name of an earlier agent"}},
      {"workload twice",
       WithAgents(std::string("[") + kAgent +
                  R"(,{"name":"b","workloadRef":{"kind":"Deployment","name":"a"}}])"),
       {"spec.agents[1].workloadRef: Deployment a is the workload of an earlier agent"}},
      {"no workload", WithAgents(R"([{"name":"a"}])"), {"spec.agents[0].workloadRef: is required"}},
      {"no kind",
       WithWorkload(R"({"name":"a"})"),
       {"spec.agents[0].workloadRef.kind: is required; Deployment, for"}},
      {"workload's name",
       WithWorkload(R"({"kind":"Deployment","name":"A"})"),
       {"spec.agents[0].workloadRef.name: \"A\""}},
      {"Job of apps",
       WithWorkload(R"({"kind":"Job","name":"a"})"),
       {"spec.agents[0].workloadRef.kind: apps/v1 Job cannot be stopped; use a Deployment"}},
      {"old Job",
       WithWorkload(R"({"apiVersion":"batch/v1beta1","kind":"CronJob","name":"a"})"),
       {"spec.agents[0].workloadRef.apiVersion: \"batch/v1beta1\" is not served; use batch/v1"}},
      {"Pod",
       WithWorkload(R"({"apiVersion":"v1","kind":"Pod","name":"a"})"),
       {"spec.agents[0].workloadRef.kind: v1 Pod cannot be stopped; name what owns its pods"}},
      {"switch of a Deployment",
       WithWorkload(
           R"({"kind":"Deployment","name":"a","switch":{"path":"/spec/paused","stopped":true}})"),
       {"spec.agents[0].workloadRef.switch: is for other kinds"}},
      {"switch in the status",
       WithWorkload(
           R"({"apiVersion":"a.b/v1","kind":"K","name":"a","switch":{"path":"/status/x","stopped":true}})"),
       {"spec.agents[0].workloadRef.switch.path: \"/status/x\": want a JSON pointer below /spec"}},
      {"switch without a value",
       WithWorkload(R"({"apiVersion":"a.b/v1","kind":"K","name":"a","switch":{"path":"/spec/x"}})"),
       {"spec.agents[0].workloadRef.switch.stopped: is required"}},
      {"switch of an object",
       WithWorkload(
           R"({"apiVersion":"a.b/v1","kind":"K","name":"a","switch":{"path":"/spec/x","stopped":{}}})"),
       {"spec.agents[0].workloadRef.switch.stopped: an object is not a boolean, an integer or a"}},
      {"kind lower-case",
       WithWorkload(R"({"kind":"deployment","name":"a"})"),
       {"spec.agents[0].workloadRef.kind: \"deployment\": want a kind"}},
      {"api version",
       WithWorkload(R"({"apiVersion":"Apps/v1","kind":"Deployment","name":"a"})"),
       {"spec.agents[0].workloadRef.apiVersion: \"Apps/v1\""}},
      {"agent's ceiling",
       WithAgent(R"("maxConcurrency":0)"),
       {"spec.agents[0].maxConcurrency: 0 is not a whole number"}},
      {"tasks",
       WithAgent(R"("tasks":["t"])"),
       {"spec.agents[0].tasks: is not implemented yet; remove it"}},
      {"selector", With(R"("agentSelector":{})"), {"spec.agentSelector.matchLabels: is required"}},
      {"a selector of everything",
       With(R"("agentSelector":{"matchLabels":{}})"),
       {"spec.agentSelector.matchLabels: is empty, which would be every workload"}},
      {"a selector's label",
       With(R"("agentSelector":{"matchLabels":{"a b":"c"}})"),
       {"spec.agentSelector.matchLabels", "want a label's name"}},
      {"a selector's value",
       With(R"("agentSelector":{"matchLabels":{"a":"-"}})"),
       {"spec.agentSelector.matchLabels", "want a label's value"}},
      {"a selector's kind",
       With(R"("agentSelector":{"matchLabels":{"a":"b"},"kinds":["Pod"]})"),
       {"spec.agentSelector.kinds[0]: \"Pod\": want Deployment, StatefulSet, Job or CronJob"}},
      {"a selector's kind twice",
       With(R"("agentSelector":{"matchLabels":{"a":"b"},"kinds":["Job","Job"]})"),
       {"spec.agentSelector.kinds[1]: \"Job\" is listed twice"}},
      {"a rule of runaway",
       With(R"("runaway":{"callsPerTask":0})"),
       {"spec.runaway.callsPerTask: 0", "1 to 1000000"}},
      {"runaway's share",
       With(R"("runaway":{"failedCallsPercent":101})"),
       {"spec.runaway.failedCallsPercent: 101", "1 to 100"}},
      {"runaway's action",
       With(R"("runaway":{"action":"Kill"})"),
       {"spec.runaway.action: \"Kill\" is not one of Notify, Throttle, Stop"}},
      {"priority",
       With(R"("priority":1000001)"),
       {"spec.priority: 1000001", "-1000000 to 1000000"}},
      {"onThrottle",
       With(R"("scaling":{"onThrottle":"Zero"})"),
       {"spec.scaling.onThrottle: \"Zero\" is not one of Proportional, Keep"}},
      {"onStop",
       With(R"("scaling":{"onStop":"zero"})"),
       {"spec.scaling.onStop: \"zero\"", "did you mean \"Zero\"?"}},
      {"minReplicas", With(R"("scaling":{"minReplicas":-1})"), {"spec.scaling.minReplicas: -1"}},
      {"drainSeconds",
       With(R"("scaling":{"drainSeconds":"60s"})"),
       {"spec.scaling.drainSeconds: \"60s\""}},
      {"field target outside of spec",
       With(
           R"("limitTargets":[{"field":{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledObject","name":"x","path":"/status/a"}}])"),
       {"spec.limitTargets[0].field.path: \"/status/a\""}},
      {"field target of our own",
       With(
           R"("limitTargets":[{"field":{"apiVersion":"purser.dev/v1alpha1","kind":"AgentPool","name":"x","path":"/spec/maxConcurrency"}}])"),
       {"spec.limitTargets[0].field: purser.dev/v1alpha1 /spec/maxConcurrency is a resource"}},
      {"field target that is our annotation",
       With(
           R"("limitTargets":[{"field":{"apiVersion":"apps/v1","kind":"Deployment","name":"x","path":"/metadata/annotations/purser.dev~1saved"}}])"),
       {"is an annotation of Purser's own"}},
      {"replicas as a field target",
       With(
           R"("limitTargets":[{"field":{"apiVersion":"apps/v1","kind":"Deployment","name":"x","path":"/spec/replicas"}}])"),
       {"is what spec.agents and spec.scaling are for"}},
      {"field target twice",
       With(
           R"("limitTargets":[{"field":{"apiVersion":"a/v1","kind":"K","name":"x","path":"/spec/a"}},{"field":{"apiVersion":"a/v1","kind":"K","name":"x","path":"/spec/a"}}])"),
       {"spec.limitTargets[1].field: x/spec/a is an earlier target already"}},
      {"target of two places",
       With(
           R"("limitTargets":[{"configMap":{"name":"l"},"field":{"apiVersion":"a/v1","kind":"K","name":"x","path":"/spec/a"}}])"),
       {"spec.limitTargets[0]: gives several places"}},
      {"field that is valid for a while",
       With(
           R"("limitTargets":[{"validSeconds":60,"field":{"apiVersion":"a/v1","kind":"K","name":"x","path":"/spec/a"}}])"),
       {"spec.limitTargets[0].validSeconds: is for documents"}},
      {"valid too shortly",
       With(R"("limitTargets":[{"configMap":{"name":"l"},"validSeconds":29}])"),
       {"spec.limitTargets[0].validSeconds: 29"}},
      {"webhook twice",
       With(R"("limitTargets":[{"webhook":{"name":"a"}},{"webhook":{"name":"a"}}])"),
       {"spec.limitTargets[1].webhook: a is an earlier target already"}},
      {"webhook by its address",
       With(R"("limitTargets":[{"webhook":{"url":"http://a"}}])"),
       {"spec.limitTargets[0].webhook.name: is required"}},
      {"empty target",
       With(R"("limitTargets":[{}])"),
       {"spec.limitTargets[0]: give one place: configMap"}},
      {"target's name",
       With(R"("limitTargets":[{"configMap":{}}])"),
       {"spec.limitTargets[0].configMap.name: is required"}},
      {"target's key",
       With(R"("limitTargets":[{"configMap":{"name":"l","key":"a/b"}}])"),
       {"spec.limitTargets[0].configMap.key: \"a/b\""}},
      {"target twice",
       With(
           R"("limitTargets":[{"configMap":{"name":"l"}},{"configMap":{"name":"l","key":"limits.json"}}])"),
       {"spec.limitTargets[1].configMap: l/limits.json is an earlier target already"}},
  };
  for (const auto& c : cases) {
    const auto pool = PoolWithSpec(c.spec);
    ASSERT_TRUE(pool.ok()) << c.name;
    ASSERT_TRUE(pool->invalid.has_value()) << c.name;
    for (const auto& want : c.want) EXPECT_THAT(*pool->invalid, HasSubstr(want)) << c.name;
  }
}

TEST(AgentPoolTest, ListsAreBounded) {
  std::string agents;
  for (int i = 0; i < 257; ++i) {
    const auto name = "a" + std::to_string(i);
    agents += (i == 0 ? "" : ",");
    agents += R"({"name":")" + name + R"(","workloadRef":{"kind":"Deployment","name":")" + name +
              R"("}})";
  }
  EXPECT_THAT(PoolWithSpec(WithAgents("[" + agents + "]"))->invalid.value_or(""),
              HasSubstr("spec.agents: has 257 entries; at most 256"));
}

TEST(AgentPoolTest, UnknownFieldsAreRejectedOnRequest) {
  const auto pool = PoolWithSpec(WithAgent(R"("maxConcurency":1)"), UnknownFields::kReject);
  ASSERT_TRUE(pool.ok());
  EXPECT_THAT(
      pool->invalid.value_or(""),
      HasSubstr("spec.agents[0].maxConcurency: unknown field; did you mean \"maxConcurrency\"?"));
}

}  // namespace
}  // namespace purser::api
