// What a cache may miss, see twice or see late, by the ways in which operators are known to break.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

constexpr seconds kWhile{75};

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

const std::vector<std::string>& Kinds() {
  static const std::vector<std::string> kinds{"agentbudgets", "agentpools", "deployments"};
  return kinds;
}

class StaleCaches : public testing::Test {
 protected:
  // A pool whose agents have spent more than their limit, and are stopped.
  void Stopped() {
    stage_.Deployment("worker", 5);
    stage_.Deployment("helper", 3);
    stage_.Pool("team", {"worker", "helper"});
    stage_.Budget("daily", {{"limit", "10"}});
    stage_.Start();
    stage_.Pass(kWhile);
    running_ = stage_.api().version();
    stage_.Spend("worker", Dollars(11));
    stage_.Pass(kWhile);
    ASSERT_EQ(stage_.Replicas("worker"), 0);
    ASSERT_EQ(stage_.Replicas("helper"), 0);
  }
  void Limit(const std::string& limit) {
    stage_.api().Patch("agentbudgets", kStageNamespace, "daily", {{"spec", {{"limit", limit}}}});
  }
  void Replaced(const std::string& limit, const std::vector<std::string>& pools = {"team"}) {
    stage_.api().Delete("agentbudgets", kStageNamespace, "daily");
    stage_.Budget("daily", {{"limit", limit}}, pools);
  }
  // Two or more changes of which the caches see the last state alone: their watches were away, and
  // what was between is gone from the server's memory.
  void Unseen(const std::function<void()>& changes) {
    for (const auto& kind : Kinds()) stage_.api().SeeUpTo(kind, stage_.api().version());
    changes();
    stage_.api().Compact();
    for (const auto& kind : Kinds()) {
      stage_.api().BreakWatches(kind);
      stage_.api().SeeUpTo(kind, std::nullopt);
    }
    stage_.Pass(kWhile);
  }
  void ExpectRunning(int worker = 5, int helper = 3) {
    EXPECT_EQ(stage_.Replicas("worker"), worker);
    EXPECT_EQ(stage_.Replicas("helper"), helper);
    ExpectNothingSaved("worker");
    ExpectNothingSaved("helper");
  }
  void ExpectNothingSaved(const std::string& name) {
    const auto workload = stage_.api().Get("deployments", kStageNamespace, name);
    EXPECT_FALSE(
        workload["metadata"].value("annotations", Json::object()).contains("purser.dev/saved"))
        << name;
  }
  int Saved(const std::string& name) {
    const auto workload = stage_.api().Get("deployments", kStageNamespace, name);
    const auto text =
        workload["metadata"].value("annotations", Json::object()).value("purser.dev/saved", "{}");
    return Json::parse(text).value("replicas", -1);
  }
  // Rest: whatever happened, no write follows.
  void ExpectRest() {
    const auto before = stage_.written().size();
    const auto state = stage_.State();
    stage_.Pass(seconds(130));
    const auto written = stage_.written();
    EXPECT_EQ(written.size(), before) << written.back() << Json::diff(state, stage_.State());
  }

  Stage stage_;
  std::uint64_t running_ = 0;  // the version at which nothing had been taken
};

TEST_F(StaleCaches, ALimitRaisedAndLoweredAgainUnseenChangesNothing) {
  Stopped();
  const auto before = stage_.scaled();
  Unseen([&] {
    Limit("100");
    Limit("10");
  });
  EXPECT_EQ(stage_.scaled(), before);
  EXPECT_EQ(Saved("worker"), 5);
  ExpectRest();
}

TEST_F(StaleCaches, ALimitLoweredAndRaisedUnseenRestores) {
  Stopped();
  Unseen([&] {
    Limit("1");
    Limit("100");
  });
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, ABudgetReplacedUnseenIsAnotherOne) {
  Stopped();
  Unseen([&] { Replaced("100"); });
  ExpectRunning();
  EXPECT_EQ(stage_.StatusOf("agentbudgets", "daily")["state"], "Normal");
  Unseen([&] { Replaced("10"); });
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  ExpectRest();
}

TEST_F(StaleCaches, ABudgetReplacedUnseenByOneOfAnotherScopeLeavesTheFirst) {
  Stopped();
  stage_.Deployment("other", 2);
  stage_.Pool("others", {"other"});
  Unseen([&] { Replaced("10", {"others"}); });
  ExpectRunning();
  EXPECT_EQ(stage_.Replicas("other"), 2) << "it spent nothing";
  stage_.Spend("worker", Dollars(50));
  stage_.Pass(kWhile);
  ExpectRunning();
  EXPECT_EQ(stage_.Replicas("other"), 2);
  ExpectRest();
}

TEST_F(StaleCaches, AWorkloadMadeAnewUnseenHasAnOriginalOfItsOwn) {
  Stopped();
  Unseen([&] {
    stage_.api().Delete("deployments", kStageNamespace, "worker");
    stage_.Deployment("worker", 2);
  });
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(Saved("worker"), 2);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning(2, 3);
  ExpectRest();
}

TEST_F(StaleCaches, AWorkloadMadeAnewUnseenFromABackupDoesNotBringItsOldOriginal) {
  Stopped();
  Unseen([&] {
    auto backup = stage_.api().Get("deployments", kStageNamespace, "worker");
    stage_.api().Delete("deployments", kStageNamespace, "worker");
    const auto annotations = backup["metadata"]["annotations"];
    stage_.api().Create(
        "deployments",
        {{"kind", "Deployment"},
         {"metadata",
          {{"namespace", kStageNamespace}, {"name", "worker"}, {"annotations", annotations}}},
         {"spec", {{"replicas", 4}}}});
  });
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(Saved("worker"), 4);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning(4, 3);
  ExpectRest();
}

TEST_F(StaleCaches, APoolMadeAnewUnseenRestoresWhatTheFormerTook) {
  Stopped();
  Unseen([&] {
    // Somebody who does not wait for us takes our hold off.
    stage_.api().Patch("agentpools", kStageNamespace, "team",
                       {{"metadata", {{"finalizers", nullptr}}}});
    stage_.api().Delete("agentpools", kStageNamespace, "team");
    stage_.Pool("team", {"helper"});
  });
  EXPECT_EQ(stage_.Replicas("worker"), 5) << "no pool names it any more";
  EXPECT_EQ(stage_.Replicas("helper"), 0)
      << "what the worker spent in the pool stays in its budget";
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, APoolThatIsGoneUnseenIsRestored) {
  Stopped();
  Unseen([&] {
    stage_.api().Patch("agentpools", kStageNamespace, "team",
                       {{"metadata", {{"finalizers", nullptr}}}});
    stage_.api().Delete("agentpools", kStageNamespace, "team");
  });
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, WorkloadsAsTheyWereBeforeTheStopAreNotTakenTwice) {
  Stopped();
  const auto state = stage_.State();
  stage_.api().SeeUpTo("deployments", running_);
  stage_.api().BreakWatches("deployments");
  stage_.Pass(kWhile);
  EXPECT_EQ(Saved("worker"), 5) << "the original is not overwritten by what was set";
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  stage_.api().SeeUpTo("deployments", std::nullopt);
  stage_.Pass(kWhile);
  EXPECT_EQ(Saved("worker"), 5);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, ALifeThatBeginsInThePastRestoresNothingTwice) {
  Stopped();
  const auto stopped = stage_.api().version();
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  stage_.Kill();
  stage_.api().Patch("deployments", kStageNamespace, "worker", {{"spec", {{"replicas", 1}}}});
  for (const auto& kind : Kinds()) stage_.api().SeeUpTo(kind, stopped);
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 1) << "a person's";
  for (const auto& kind : Kinds()) stage_.api().SeeUpTo(kind, std::nullopt);
  stage_.Pass(kWhile);
  ExpectRunning(1, 3);
  ExpectRest();
}

TEST_F(StaleCaches, ALifeThatBeginsInThePastTakesNothingTwice) {
  Stopped();
  stage_.Kill();
  for (const auto& kind : Kinds()) stage_.api().SeeUpTo(kind, running_);
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(Saved("worker"), 5);
  EXPECT_EQ(Saved("helper"), 3);
  for (const auto& kind : Kinds()) stage_.api().SeeUpTo(kind, std::nullopt);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, EventsThatComeTwiceAreOne) {
  stage_.api().SetDeliver([](const Json& event) { return std::vector<Json>{event, event}; });
  Stopped();
  EXPECT_EQ(std::count(stage_.scaled().begin(), stage_.scaled().end(), "worker: 0"), 1);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, AnOlderEventBehindANewerOneTellsNothing) {
  std::map<std::string, Json> last;
  stage_.api().SetDeliver([&](const Json& event) {
    const auto& meta = event["object"]["metadata"];
    const auto id = event["object"].value("kind", "") + "/" + meta["name"].get<std::string>();
    std::vector<Json> all{event};
    if (event["type"] == "MODIFIED" && last.contains(id)) all.push_back(last[id]);
    last[id] = event;
    if (event["type"] == "DELETED") last.erase(id);
    return all;
  });
  Stopped();
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, VersionsGoBackWithEtcd) {
  Stopped();
  stage_.api().RestoreEtcd(40);
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  Limit("100");
  stage_.Pass(kWhile);
  ExpectRunning();
  ExpectRest();
}

TEST_F(StaleCaches, AStateIsThatOfAFreshStart) {
  Stopped();
  Limit("100");
  stage_.Pass(kWhile);
  Limit("10");
  stage_.Pass(kWhile);
  const auto walked = stage_.State();
  stage_.Start();
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.State(), walked) << Json::diff(walked, stage_.State()).dump(1);
  ExpectRest();
}

}  // namespace
}  // namespace purser::controllers
