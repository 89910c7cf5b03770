#include "controllers/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "workloads/kinds.h"

namespace purser::controllers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

api::AgentPool PoolOf(const std::vector<std::string>& agents) {
  api::AgentPool pool;
  pool.meta.ns = "agents";
  pool.meta.name = "team";
  pool.spec.max_concurrency = 20;
  for (const auto& agent : agents)
    pool.spec.agents.push_back({agent, {"apps/v1", "Deployment", agent}, 8});
  pool.spec.agent_selector = api::AgentSelector{{{"team", "a"}}, {"Deployment", "Job"}, 4};
  return pool;
}

FoundWorkload Found(const std::string& kind, const std::string& name, const std::string& label = "",
                    bool finished = false) {
  return {label.empty() ? name : label,
          !label.empty(),
          finished,
          {kind == "Job" ? "batch/v1" : "apps/v1", kind, name}};
}

std::vector<std::string> NamesOf(const api::AgentPool& pool) {
  std::vector<std::string> names;
  for (const auto& agent : pool.spec.agents) names.push_back(agent.name);
  return names;
}

workloads::Workload Read(const std::string& labels) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(
      R"({"metadata":{"name":"worker","namespace":"agents","uid":"1","resourceVersion":"1","labels":)" +
      labels + R"(},"spec":{"replicas":2}})");
  return workloads::DeploymentKind()->Decode(parser.parse(text)).value();
}

TEST(Roster, WhatIsFoundFollowsWhatIsNamed) {
  const auto whole =
      WithFound(PoolOf({"named"}), {Found("Job", "z"), Found("Deployment", "b", "a-by-label")});
  EXPECT_THAT(NamesOf(whole), ElementsAre("named", "a-by-label", "z"));
  EXPECT_EQ(whole.spec.agents[0].max_concurrency, 8);
  EXPECT_EQ(whole.spec.agents[1].max_concurrency, 4);
  EXPECT_EQ(whole.spec.agents[1].workload_ref.name, "b");
  EXPECT_TRUE(whole.spec.agents[1].found);
  EXPECT_THAT(whole.found.collisions, IsEmpty());
}

TEST(Roster, TheSpecComesFirst) {
  // Its workload under another name, and another workload under its name.
  const auto whole = WithFound(
      PoolOf({"named"}), {Found("Deployment", "named", "else"), Found("Job", "run-1", "named")});
  EXPECT_THAT(NamesOf(whole), ElementsAre("named"));
  ASSERT_EQ(whole.spec.agents[0].others.size(), 1U);
  EXPECT_EQ(whole.spec.agents[0].others[0].name, "run-1");
  EXPECT_EQ(whole.spec.agents[0].max_concurrency, 8);
  EXPECT_THAT(whole.found.collisions, IsEmpty());
}

TEST(Roster, WorkloadsOfOneLabelAreOneAgent) {
  const auto whole =
      WithFound(PoolOf({}), {Found("Job", "run-2", "crawler"), Found("Job", "run-1", "crawler")});
  EXPECT_THAT(NamesOf(whole), ElementsAre("crawler"));
  EXPECT_EQ(whole.spec.agents[0].workload_ref.name, "run-1");
  EXPECT_EQ(whole.spec.agents[0].others.size(), 1U);
  EXPECT_THAT(whole.found.collisions, IsEmpty());
}

TEST(Roster, OneNameThatNobodyMeantIsTold) {
  const auto two = WithFound(PoolOf({}), {Found("Job", "same"), Found("Deployment", "same")});
  EXPECT_THAT(two.found.collisions, ElementsAre(HasSubstr("same is Deployment same and Job same")));
  EXPECT_EQ(two.spec.agents.size(), 1U);
  const auto with_spec = WithFound(PoolOf({"same"}), {Found("Job", "same")});
  EXPECT_THAT(with_spec.found.collisions, ElementsAre(HasSubstr("Deployment same and Job same")));
}

TEST(Roster, WhoHasNoEntryOfItsOwnIsHeldWithTheOthers) {
  std::vector<FoundWorkload> found;
  for (int i = 0; i < 300; ++i) {
    const auto name = "job-" + std::to_string(1000 + i);
    found.push_back(Found("Job", name, "", i < 40));
  }
  const auto whole = WithFound(PoolOf({"named"}), found);
  EXPECT_EQ(whole.spec.agents.size(), 256U);
  EXPECT_EQ(whole.spec.agents.back().name, api::kOtherAgents);
  EXPECT_EQ(whole.found.unnamed.size(), 46U);
  EXPECT_EQ(whole.spec.agents.back().others.size(), 45U);
  // Those that run come before those that are finished.
  EXPECT_EQ(whole.spec.agents[1].name, "job-1040");
  EXPECT_THAT(whole.found.unnamed, testing::Contains("job-1039"));
  // None of them is lost, whatever is found in which order.
  std::reverse(found.begin(), found.end());
  EXPECT_EQ(WithFound(PoolOf({"named"}), found).found, whole.found);
}

TEST(Roster, SelectsByEveryLabelAndByKind) {
  const auto& kind = *workloads::DeploymentKind();
  api::AgentSelector selector{{{"team", "a"}, {"purser.dev/pool", ""}}, {"Deployment"}, {}};
  EXPECT_TRUE(Selects(selector, kind, Read(R"({"purser.dev/pool":"","team":"a","x":"y"})")));
  EXPECT_FALSE(Selects(selector, kind, Read(R"({"team":"a"})")));
  EXPECT_FALSE(Selects(selector, kind, Read(R"({"purser.dev/pool":"","team":"b"})")));
  EXPECT_FALSE(Selects(selector, kind, Read(R"({"purser.dev/pool":"team","a":"a"})")));
  selector.kinds = {"StatefulSet"};
  EXPECT_FALSE(Selects(selector, kind, Read(R"({"purser.dev/pool":"","team":"a"})")));
}

TEST(Roster, AnAgentIsCalledByItsLabelElseByItsName) {
  const auto& kind = *workloads::DeploymentKind();
  EXPECT_EQ(FoundOf(kind, Read(R"({"purser.dev/agent":"writer"})")).agent, "writer");
  EXPECT_EQ(FoundOf(kind, Read(R"({"purser.dev/agent":""})")).agent, "worker");
  EXPECT_EQ(FoundOf(kind, Read(R"({"app":"writer"})")).agent, "worker");
  EXPECT_FALSE(FoundOf(kind, Read(R"({"app":"writer"})")).named);
}

}  // namespace
}  // namespace purser::controllers
