// Spend stays with the pool in which it was spent: no rename, move or removal gives a budget back.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

constexpr seconds kWhile{75};

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

class MembershipTest : public testing::Test {
 protected:
  // Two agents of a pool whose one has spent more than their limit: both are stopped.
  void Stopped(const Json& more = Json::object()) {
    stage_.Deployment("worker", 5);
    stage_.Deployment("helper", 3);
    stage_.Pool("team", {"worker", "helper"});
    Json spec{{"limit", "10"}};
    spec.update(more);
    stage_.Budget("daily", spec);
    stage_.Start();
    stage_.Pass(kWhile);
    stage_.Spend("worker", Dollars(11));
    stage_.Pass(kWhile);
    ASSERT_EQ(stage_.Replicas("worker"), 0);
    ASSERT_EQ(stage_.Replicas("helper"), 0);
  }
  // The pool's agents, by name and workload.
  void Agents(const std::string& pool,
              const std::vector<std::pair<std::string, std::string>>& agents) {
    Json listed = Json::array();
    for (const auto& [name, workload] : agents) {
      listed.push_back({{"name", name},
                        {"workloadRef",
                         {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", workload}}}});
    }
    stage_.api().Patch("agentpools", kStageNamespace, pool, {{"spec", {{"agents", listed}}}});
  }
  std::string Spent(const std::string& budget) const {
    return stage_.StatusOf("agentbudgets", budget).value("spent", "");
  }

  Stage stage_;
};

TEST_F(MembershipTest, ARenameKeepsTheStop) {
  Stopped();
  Agents("team", {{"other", "worker"}, {"helper", "helper"}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.Replicas("helper"), 0);
  EXPECT_EQ(Spent("daily"), "11");
  stage_.Start();  // another life
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.Replicas("helper"), 0);
  EXPECT_EQ(Spent("daily"), "11");
  stage_.api().Patch("agentbudgets", kStageNamespace, "daily", {{"spec", {{"limit", "100"}}}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(stage_.Replicas("helper"), 3);
}

TEST_F(MembershipTest, AnAgentWithALimitOfItsOwnKeepsItsStopUnderAnotherName) {
  for (const std::string pools : {"team", "*"}) {
    SCOPED_TRACE(pools);
    Stage stage;
    stage.Deployment("worker", 5);
    stage.Deployment("helper", 3);
    stage.Pool("team", {"worker", "helper"});
    stage.Budget("each", {{"limit", "10"}, {"scope", {{"pools", {pools}}, {"per", "Agent"}}}});
    stage.Start();
    stage.Pass(kWhile);
    stage.Spend("worker", Dollars(11));
    stage.Spend("helper", Dollars(4));
    stage.Pass(kWhile);
    ASSERT_EQ(stage.Replicas("worker"), 0);
    const auto agents = [&](const std::vector<std::pair<std::string, std::string>>& all) {
      Json listed = Json::array();
      for (const auto& [name, workload] : all)
        listed.push_back(
            {{"name", name}, {"workloadRef", {{"kind", "Deployment"}, {"name", workload}}}});
      stage.api().Patch("agentpools", kStageNamespace, "team", {{"spec", {{"agents", listed}}}});
    };
    agents({{"other", "worker"}, {"helper", "helper"}});
    stage.Pass(kWhile);
    EXPECT_EQ(stage.Replicas("worker"), 0) << "the same workload under another name";
    EXPECT_EQ(stage.Replicas("helper"), 3);
    stage.Kill();
    agents({{"third", "worker"}, {"helper", "helper"}});
    stage.Start();
    stage.Pass(kWhile);
    EXPECT_EQ(stage.Replicas("worker"), 0) << "and another one, while nobody looked";
    const auto subjects = stage.StatusOf("agentbudgets", "each")["subjects"];
    ASSERT_EQ(subjects.size(), 2u);
    EXPECT_EQ(subjects[0]["name"], "third");
    EXPECT_EQ(subjects[0]["spent"], "11");
    EXPECT_EQ(subjects[1]["spent"], "4");
    // Another workload is another agent, whatever was there before.
    stage.Deployment("fresh", 2);
    agents({{"fresh", "fresh"}, {"helper", "helper"}});
    stage.Pass(kWhile);
    EXPECT_EQ(stage.Replicas("fresh"), 2);
  }
}

TEST_F(MembershipTest, ARenameWhileNobodyLooksKeepsTheStop) {
  Stopped();
  stage_.Kill();
  Agents("team", {{"other", "worker"}, {"helper", "helper"}});
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.Replicas("helper"), 0);
  EXPECT_EQ(Spent("daily"), "11");
}

TEST_F(MembershipTest, ARemovalKeepsTheStopOfThoseThatStay) {
  Stopped({{"window", {{"type", "Lifetime"}}}});
  Agents("team", {{"helper", "helper"}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("helper"), 0);
  EXPECT_EQ(Spent("daily"), "11");
}

TEST_F(MembershipTest, WhatIsSpentAfterAMoveCountsInTheNewPoolAlone) {
  Stopped({{"window", {{"type", "Rolling"}, {"period", "24h"}}}});
  stage_.Pool("second", {});
  stage_.Budget("another", {{"limit", "10"}}, {"second"});
  stage_.Pass(kWhile);
  Agents("team", {{"helper", "helper"}});
  Agents("second", {{"worker", "worker"}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 5) << "another pool, another budget";
  EXPECT_EQ(stage_.Replicas("helper"), 0);
  stage_.Spend("worker", Dollars(4));
  stage_.Pass(kWhile);
  EXPECT_EQ(Spent("daily"), "11");
  EXPECT_EQ(Spent("another"), "4");
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(Spent("daily"), "11");
  EXPECT_EQ(Spent("another"), "4");
}

TEST_F(MembershipTest, APoolMadeAnewHoldsWhatWasSpentInIt) {
  Stopped();
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(kWhile);
  stage_.Spend("worker", Dollars(1));
  stage_.Pass(kWhile);
  stage_.Pool("team", {"worker", "helper"});
  stage_.Pass(kWhile);
  EXPECT_EQ(Spent("daily"), "12");
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.Replicas("helper"), 0);
}

}  // namespace
}  // namespace purser::controllers
