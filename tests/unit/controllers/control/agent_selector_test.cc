// agentSelector: workloads by label are agents, as they come and go.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

constexpr seconds kWhile{75};  // longer than any status is held back
const Json kTeam{{"team", "a"}};

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }
Json Selecting(const Json& kinds) {
  return {{"agentSelector", {{"matchLabels", kTeam}, {"kinds", kinds}, {"maxConcurrency", 4}}}};
}
Json TeamWith(const std::string& label, const std::string& value) {
  auto labels = kTeam;
  labels[label] = value;
  return labels;
}

class AgentSelector : public ::testing::Test {
 protected:
  // A Deployment of the team, unless `labels` say otherwise.
  void Worker(const std::string& name, int replicas, const Json& labels = kTeam) {
    stage_.Deployment(name, replicas);
    stage_.api().Patch("deployments", kStageNamespace, name, {{"metadata", {{"labels", labels}}}});
  }
  void WatchJobs() { stage_.AlsoWatched("jobs"); }
  bool Suspended(const std::string& job) const {
    return stage_.api().Get("jobs", kStageNamespace, job)["spec"].value("suspend", false);
  }
  std::set<std::string> Agents() const {
    std::set<std::string> names;
    for (const auto& agent : stage_.StatusOf("agentpools", "team").value("agents", Json::array()))
      names.insert(agent["name"].get<std::string>());
    return names;
  }
  void Raise() {
    stage_.api().Patch("agentbudgets", kStageNamespace, "daily", {{"spec", {{"limit", "1000"}}}});
    stage_.Pass(kWhile);
  }

  Stage stage_;
};

TEST_F(AgentSelector, WhoAppearsDuringAStopIsStoppedOnSightAndRestored) {
  Worker("worker", 5);
  Worker("stranger", 5, {{"team", "b"}});
  stage_.Pool("team", {}, Selecting({"Deployment"}));
  stage_.Budget("daily", {{"limit", "10"}});
  stage_.Start();
  stage_.Spend("worker", Dollars(11));
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.Replicas("stranger"), 5);
  EXPECT_EQ(Agents(), (std::set<std::string>{"worker"}));

  Worker("late", 7);
  stage_.Settle();
  EXPECT_EQ(stage_.Replicas("late"), 0) << "not stopped on sight";
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "Stopped"), "True/BudgetExhausted");
  EXPECT_EQ(Agents(), (std::set<std::string>{"worker", "late"}));

  // A label that comes later makes it one, and one that goes lets it go.
  stage_.api().Patch("deployments", kStageNamespace, "stranger",
                     {{"metadata", {{"labels", kTeam}}}});
  stage_.api().Patch("deployments", kStageNamespace, "late",
                     {{"metadata", {{"labels", {{"team", "b"}}}}}});
  stage_.Settle();
  EXPECT_EQ(stage_.Replicas("stranger"), 0);
  EXPECT_EQ(stage_.Replicas("late"), 7);
  Raise();
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_EQ(stage_.Replicas("stranger"), 5);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "WorkloadsResolved"), "True/Resolved");
}

TEST_F(AgentSelector, WhoAppearsDuringAThrottleIsThrottledOnSight) {
  Worker("worker", 5);
  stage_.Pool("team", {}, Selecting({"Deployment"}));
  stage_.Budget("daily", {{"limit", "10"}});
  stage_.Start();
  stage_.Spend("worker", Dollars(9));
  stage_.Pass(kWhile);
  Worker("late", 4);
  stage_.Settle();
  EXPECT_LT(stage_.Replicas("late"), 4);
  EXPECT_GT(stage_.Replicas("late"), 0);
}

TEST_F(AgentSelector, JobsOfOneLabelAreOneAgentOfWhichEachIsHeldAndRestored) {
  stage_.Job("run-1", TeamWith("purser.dev/agent", "crawler"));
  stage_.Job("run-2", TeamWith("purser.dev/agent", "crawler"));
  Worker("worker", 3);
  stage_.Pool("team", {"worker"}, Selecting({"Deployment", "Job", "CronJob"}));
  stage_.Budget("daily", {{"limit", "10"}});
  WatchJobs();
  stage_.Start();
  stage_.Spend("crawler", Dollars(11));
  stage_.Pass(kWhile);
  EXPECT_TRUE(Suspended("run-1") && Suspended("run-2"));
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(Agents(), (std::set<std::string>{"worker", "crawler"}));
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "Stopped"), "True/BudgetExhausted");

  // A life that begins meanwhile knows them before it decides anything.
  stage_.Kill();
  stage_.Job("run-3", TeamWith("purser.dev/agent", "crawler"));
  stage_.Start();
  stage_.Pass(seconds(2));
  EXPECT_TRUE(Suspended("run-1") && Suspended("run-2") && Suspended("run-3"));
  EXPECT_EQ(stage_.Replicas("worker"), 0);

  // Either copy alone restores: here the status.
  stage_.Pass(kWhile);
  for (const char* job : {"run-1", "run-2"}) {
    stage_.api().Patch("jobs", kStageNamespace, job,
                       {{"metadata", {{"annotations", {{"purser.dev/saved", nullptr}}}}}});
  }
  stage_.Kill();
  stage_.Start();
  Raise();
  EXPECT_FALSE(Suspended("run-1") || Suspended("run-2") || Suspended("run-3"));
  EXPECT_EQ(stage_.Replicas("worker"), 3);
}

TEST_F(AgentSelector, WhatWasTakenIsRestoredWhenTheSelectorOrThePoolGoes) {
  Worker("worker", 5);
  Worker("named", 2);
  stage_.Job("run", kTeam);
  stage_.Pool("team", {"named"}, Selecting({"Deployment", "Job"}));
  stage_.Budget("daily", {{"limit", "10"}});
  WatchJobs();
  stage_.Start();
  stage_.Spend("named", Dollars(11));
  stage_.Pass(kWhile);
  ASSERT_EQ(stage_.Replicas("worker"), 0);
  ASSERT_TRUE(Suspended("run"));
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"spec", {{"agentSelector", nullptr}}}});
  stage_.Pass(seconds(5));
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  EXPECT_FALSE(Suspended("run"));
  EXPECT_EQ(stage_.Replicas("named"), 0);
}

TEST_F(AgentSelector, TwoPoolsThatFindOneWorkloadAreTold) {
  Worker("worker", 5);
  stage_.Pool("team", {}, Selecting({"Deployment"}));
  stage_.Pool("other", {}, Selecting({"Deployment"}));
  stage_.Budget("daily", {{"limit", "10"}}, {"other"});
  stage_.Start();
  stage_.Spend("worker", Dollars(11));
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "Ready"), "False/WorkloadShared");
  EXPECT_EQ(stage_.ConditionOf("agentpools", "other", "Ready"), "False/WorkloadShared");
  EXPECT_EQ(stage_.Replicas("worker"), 0) << "the lower ask wins";
}

TEST_F(AgentSelector, JobsOfACronJobStandInTwoPlaces) {
  const auto owner = [](const std::string& uid) {
    return Json{{{"apiVersion", "batch/v1"},
                 {"kind", "CronJob"},
                 {"name", "nightly"},
                 {"uid", uid},
                 {"controller", true}}};
  };
  stage_.api().Create(
      "cronjobs",
      {{"kind", "CronJob"},
       {"apiVersion", "batch/v1"},
       {"metadata", {{"namespace", kStageNamespace}, {"name", "nightly"}, {"labels", kTeam}}},
       {"spec", {{"suspend", false}}}});
  const auto uid = stage_.api()
                       .Get("cronjobs", kStageNamespace, "nightly")["metadata"]["uid"]
                       .get<std::string>();
  for (const char* job : {"nightly-1", "nightly-2"}) {
    stage_.Job(job, kTeam);
    stage_.api().Patch("jobs", kStageNamespace, job,
                       {{"metadata", {{"ownerReferences", owner(uid)}}}});
  }
  stage_.Pool("team", {}, Selecting({"CronJob", "Job"}));
  stage_.Budget("daily", {{"limit", "10"}});
  WatchJobs();
  stage_.AlsoWatched("cronjobs");
  stage_.Start();
  stage_.Spend("nightly", Dollars(11));
  stage_.Pass(kWhile);
  EXPECT_TRUE(Suspended("nightly-1") && Suspended("nightly-2"));
  EXPECT_EQ(Agents(), (std::set<std::string>{"nightly"})) << "what it made is no agent of its own";
  for (const char* job : {"nightly-1", "nightly-2"}) {
    stage_.api().Patch("jobs", kStageNamespace, job,
                       {{"metadata", {{"annotations", {{"purser.dev/saved", nullptr}}}}}});
  }
  stage_.Kill();
  stage_.Start();
  Raise();
  EXPECT_FALSE(Suspended("nightly-1") || Suspended("nightly-2"));
}

// A thousand Jobs a minute, each there for three seconds, for minutes.
TEST_F(AgentSelector, JobsThatComeAndGoLeaveNothingBehind) {
  Worker("worker", 3);
  stage_.Pool("team", {}, Selecting({"Deployment", "Job"}));
  stage_.Budget("daily", {{"limit", "10"}});
  WatchJobs();
  std::set<std::string> gone;
  std::vector<std::string> written_though_gone;
  stage_.Start();
  stage_.Spend("worker", Dollars(11));
  stage_.Pass(seconds(10));
  stage_.api().SetIntercept(
      [&](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
        const auto slash = request.url.find("/jobs/");
        if (slash == std::string::npos) return std::nullopt;
        const auto name = request.url.substr(slash + 6, request.url.find('?') - slash - 6);
        if (gone.contains(name)) written_though_gone.push_back(name);
        return std::nullopt;
      });
  const auto crawler = TeamWith("purser.dev/agent", "crawler");
  int next = 0;
  // What a life that has seen so many minutes of them holds: what is free once it has ended.
  const auto held_after = [&](int minutes) {
    stage_.Start();
    stage_.Pass(seconds(5));
    for (int i = 0; i < 25 * minutes; ++i) {
      const int first = next;
      for (int k = 0; k < 40; ++k) stage_.Job("job-" + std::to_string(next++), crawler);
      stage_.Settle();
      for (int k = first; k < next; ++k) EXPECT_TRUE(Suspended("job-" + std::to_string(k)));
      stage_.Pass(seconds(2));
      for (int k = first; k < next; ++k) {
        stage_.api().Delete("jobs", kStageNamespace, "job-" + std::to_string(k));
        gone.insert("job-" + std::to_string(k));
      }
      stage_.Settle();
      stage_.api().Compact();
    }
    stage_.Pass(seconds(5));
    const auto used = mallinfo2().uordblks;
    stage_.Kill();
    return used - mallinfo2().uordblks;
  };
  const auto few = held_after(1);
  const auto many = held_after(5);
  EXPECT_TRUE(written_though_gone.empty()) << written_though_gone.front();
  EXPECT_EQ(Agents(), (std::set<std::string>{"worker"}));
  EXPECT_LT(many, few + 400 * 1024) << "a life holds more the more have come and gone";
}

}  // namespace
}  // namespace purser::controllers
