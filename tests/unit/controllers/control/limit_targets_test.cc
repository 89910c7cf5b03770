// Limits beside replicas: a number of any object, and documents that are valid for a while.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/time_text.h"
#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

constexpr seconds kWhile{75};  // longer than any status is held back

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

class LimitTargets : public ::testing::Test {
 protected:
  static Json Field(const std::string& path = "/spec/most") {
    return {{"field",
             {{"apiVersion", "test.dev/v1"}, {"kind", "Route"}, {"name", "way"}, {"path", path}}}};
  }
  static Json Limits() { return {{"configMap", {{"name", "limits"}}}}; }
  static Json Gateway() { return {{"webhook", {{"name", "gateway"}}}}; }
  void Route(const Json& spec) {
    kinds_ = true;
    stage_.AlsoWatched("routes");
    stage_.api().Create("routes", {{"kind", "Route"},
                                   {"apiVersion", "test.dev/v1"},
                                   {"metadata", {{"namespace", kStageNamespace}, {"name", "way"}}},
                                   {"spec", spec}});
  }
  void Team(const Json& targets, const std::string& pool = "team") {
    stage_.Pool(pool, {"worker"}, {{"limitTargets", targets}, {"scaling", {{"drainSeconds", 0}}}});
  }
  void Lead() {
    stage_.Deployment("worker", 5);
    stage_.Budget("daily", {{"limit", "10"}});
    stage_.Start();
    Pass(kWhile);
  }
  // Kinds are looked for by a thread of their own.
  void Pass(seconds time) {
    for (int i = 0; i < 15 && kinds_; ++i) {
      stage_.Settle();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    stage_.Pass(time);
  }
  void Spend(std::int64_t dollars) {
    stage_.Spend("worker", Dollars(dollars));
    Pass(kWhile);
  }
  void Raise() {
    stage_.api().Patch("agentbudgets", kStageNamespace, "daily", {{"spec", {{"limit", "1000"}}}});
    Pass(kWhile);
  }
  Json Way() const { return stage_.api().Get("routes", kStageNamespace, "way"); }
  Json Most() const { return Way()["spec"].value("most", Json()); }
  bool Marked() const {
    return Way()["metadata"].value("annotations", Json::object()).contains("purser.dev/limited");
  }
  Json Document() const {
    const auto limits = stage_.api().Get("configmaps", kStageNamespace, "limits");
    return Json::parse(limits["data"]["limits.json"].get<std::string>());
  }

  Stage stage_;
  bool kinds_ = false;  // watched beside those that always are
};

TEST_F(LimitTargets, AFieldIsLoweredAndWhatWasThereRestored) {
  Route({{"most", 15}, {"other", 1}});
  Team(Json::array({Field()}));
  Lead();
  EXPECT_EQ(Most(), 15);
  EXPECT_FALSE(Marked()) << "nothing is short: nothing is written";
  Spend(9);
  EXPECT_EQ(Most(), 10);
  EXPECT_EQ(stage_.StatusOf("agentpools", "team")["limitTargets"][0]["before"], "15");
  Spend(2);
  EXPECT_EQ(Most(), 0);
  Raise();
  EXPECT_EQ(Most(), 15);
  EXPECT_EQ(Way()["spec"]["other"], 1);
  EXPECT_FALSE(Marked());
}

TEST_F(LimitTargets, AFieldIsNeverRaised) {
  Route({{"most", 3}});
  Team(Json::array({Field()}));
  Lead();
  Spend(9);  // 10 at once
  EXPECT_EQ(Most(), 3);
  EXPECT_FALSE(Marked());
}

TEST_F(LimitTargets, AFieldThatIsNotThereIsTakenAwayAgain) {
  Route(Json::object());
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  EXPECT_EQ(Most(), 0);
  Raise();
  EXPECT_TRUE(Most().is_null());
}

TEST_F(LimitTargets, TheStatusAloneRestoresAField) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  stage_.Kill();
  stage_.api().Patch("routes", kStageNamespace, "way",
                     {{"metadata", {{"annotations", {{"purser.dev/limited", nullptr}}}}}});
  stage_.Start();
  Raise();
  EXPECT_EQ(Most(), 15);
}

TEST_F(LimitTargets, TheAnnotationAloneRestoresAField) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  stage_.Kill();
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"status", {{"limitTargets", nullptr}}}});
  stage_.Start();
  Raise();
  EXPECT_EQ(Most(), 15);
}

TEST_F(LimitTargets, WhatSomebodyElseWroteIsTheirsToHaveBack) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  stage_.api().Patch("routes", kStageNamespace, "way", {{"spec", {{"most", 12}}}});
  stage_.Kill();
  stage_.Start();
  Pass(kWhile);
  EXPECT_EQ(Most(), 0);
  Raise();
  EXPECT_EQ(Most(), 12);
}

TEST_F(LimitTargets, AFieldIsRestoredWhenItsEntryOrItsPoolGoes) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"spec", {{"limitTargets", nullptr}}}});
  stage_.Pass(seconds(5));
  EXPECT_EQ(Most(), 15);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"spec", {{"limitTargets", Json::array({Field()})}}}});
  Pass(kWhile);
  EXPECT_EQ(Most(), 0);
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_EQ(Most(), 15);
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
}

TEST_F(LimitTargets, WhatCannotBeLimitedIsToldAndKeepsNoPoolFromGoing) {
  Route({{"most", "many"}});
  Team(Json::array({Field()}));
  Lead();
  Spend(11);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(Most(), "many");
  stage_.api().Delete("routes", kStageNamespace, "way");
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
  EXPECT_EQ(stage_.Replicas("worker"), 5);
}

TEST_F(LimitTargets, TwoPoolsOfOneFieldAreTold) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  stage_.Deployment("helper", 2);
  stage_.Pool("other", {"helper"}, {{"limitTargets", Json::array({Field()})}});
  Lead();
  stage_.Budget("strict", {{"limit", "1"}}, {"other"});
  stage_.Spend("helper", Dollars(2));
  Spend(11);
  const auto one = stage_.ConditionOf("agentpools", "team", "LimitsPublished");
  const auto two = stage_.ConditionOf("agentpools", "other", "LimitsPublished");
  EXPECT_TRUE((one == "False/PublishFailed") != (two == "False/PublishFailed")) << one << two;
  EXPECT_EQ(Most(), 0);
}

TEST_F(LimitTargets, ADocumentSaysHowLongItIsValidAndIsWrittenAnewInTime) {
  Team(Json::array({{{"configMap", {{"name", "limits"}}}, {"validSeconds", 600}}}));
  Lead();
  const auto valid_until = [&] {
    return ParseRfc3339(Document()["validUntil"].get<std::string>());
  };
  for (int i = 0; i < 20; ++i) {
    stage_.Pass(seconds(90));
    ASSERT_TRUE(valid_until());
    EXPECT_GT(*valid_until(), stage_.clock().Now() + seconds(290));
    EXPECT_LE(*valid_until(), stage_.clock().Now() + seconds(600));
  }
  // Nothing is short, and yet: what is restored holds for ever.
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_FALSE(Document().contains("validUntil"));
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
}

TEST_F(LimitTargets, WhatAnOutsiderDoesToADocumentIsCorrectedAtOnce) {
  Team(Json::array({Limits()}));
  Lead();
  Spend(11);
  const auto right = Document();
  EXPECT_EQ(right["maxConcurrency"], 0);
  auto wrong = right;
  wrong["maxConcurrency"] = 500;
  stage_.api().Patch("configmaps", kStageNamespace, "limits",
                     {{"data", {{"limits.json", wrong.dump()}}}});
  stage_.Settle();
  EXPECT_EQ(Document()["maxConcurrency"], 0) << "no time has passed";
  stage_.api().Delete("configmaps", kStageNamespace, "limits");
  stage_.Settle();
  EXPECT_EQ(Document()["maxConcurrency"], 0);
  stage_.api().Patch("configmaps", kStageNamespace, "limits",
                     {{"metadata", {{"labels", {{"purser.dev/pool", nullptr}}}}}});
  stage_.Settle();
  EXPECT_TRUE(
      stage_.api().Get("configmaps", kStageNamespace, "limits")["metadata"]["labels"].contains(
          "purser.dev/pool"))
      << "it does not hide from the watch";
  stage_.api().Patch("configmaps", kStageNamespace, "limits",
                     {{"data", {{"limits.json", wrong.dump()}}}});
  stage_.Settle();
  EXPECT_EQ(Document()["maxConcurrency"], 0);
}

TEST_F(LimitTargets, NothingIsAskedWhileNothingChanges) {
  Route({{"most", 15}});
  Team(Json::array({Limits(), Field()}));
  Lead();
  Spend(11);
  stage_.Pass(seconds(2 * 3600));  // how fast it was spent is told for a while
  const auto reads = stage_.api().reads();
  const auto version = stage_.api().version();
  stage_.Pass(seconds(3600));
  EXPECT_EQ(stage_.api().reads(), reads);
  EXPECT_EQ(stage_.api().version(), version);
}

TEST_F(LimitTargets, WhoKeepsChangingADocumentIsToldAndNotFoughtAtFullSpeed) {
  Team(Json::array({Limits()}));
  Lead();
  Spend(9);
  auto wrong = Document();
  wrong["maxConcurrency"] = 500;
  int fought = 0;
  for (int i = 0; i < 60; ++i) {
    stage_.api().Patch("configmaps", kStageNamespace, "limits",
                       {{"data", {{"limits.json", wrong.dump()}}}});
    stage_.Pass(seconds(1));
    if (Document() != wrong) ++fought;
  }
  EXPECT_GE(fought, 4);
  EXPECT_LE(fought, 10);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  stage_.Pass(seconds(90));
  EXPECT_EQ(Document()["maxConcurrency"], 10) << "whoever it was has stopped";
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "True/Published");
}

TEST_F(LimitTargets, WhoKeepsChangingAFieldIsToldAndNotFoughtAtFullSpeed) {
  Route({{"most", 15}});
  Team(Json::array({Field()}));
  Lead();
  Spend(9);
  int fought = 0;
  for (int i = 0; i < 60; ++i) {
    stage_.api().Patch("routes", kStageNamespace, "way", {{"spec", {{"most", 30}}}});
    stage_.Pass(seconds(1));
    if (Most() != 30) ++fought;
  }
  EXPECT_GE(fought, 4);
  EXPECT_LE(fought, 10);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  stage_.Pass(seconds(90));
  EXPECT_EQ(Most(), 10);
  Raise();
  EXPECT_EQ(Most(), 30) << "theirs to have back";
}

TEST_F(LimitTargets, AFieldWhoseParentIsNotThereIsLeftAlone) {
  Route({{"most", 15}});
  Team(Json::array({Field("/spec/most/of"), Field("/spec/other/deep")}));
  Lead();
  Spend(11);
  EXPECT_EQ(Way()["spec"], Json({{"most", 15}}));
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  Raise();
  EXPECT_EQ(Way()["spec"], Json({{"most", 15}}));
}

TEST_F(LimitTargets, AnAnnotationIsLimitedAsText) {
  Route({{"most", 15}});
  Team(Json::array({Field("/metadata/annotations/test.dev~1most")}));
  Lead();
  Spend(9);
  EXPECT_EQ(Way()["metadata"]["annotations"]["test.dev/most"], "10");
  Raise();
  EXPECT_EQ(Way()["metadata"].value("annotations", Json::object()), Json::object());
}

TEST_F(LimitTargets, AKindThatIsNotServedIsToldAndKeepsNoPoolFromGoing) {
  Json unknown = Field();
  unknown["field"]["kind"] = "Rout";
  Team(Json::array({unknown}));
  Lead();
  Spend(11);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
}

TEST_F(LimitTargets, AWebhookIsToldEachChangeOnceAndThatNothingIsLimitedAnyMore) {
  Team(Json::array({Gateway()}));
  Lead();
  ASSERT_EQ(stage_.posted().size(), 1U);
  Spend(9);
  stage_.Pass(seconds(600));
  ASSERT_EQ(stage_.posted().size(), 2U);
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 10);
  EXPECT_EQ(stage_.posted().back()["budget"], "daily");
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "True/Published");
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"spec", {{"limitTargets", nullptr}}}});
  stage_.Pass(kWhile);
  ASSERT_EQ(stage_.posted().size(), 3U);
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 20);
  EXPECT_TRUE(stage_.StatusOf("agentpools", "team").value("limitTargets", Json::array()).empty());
  stage_.api().Patch("agentpools", kStageNamespace, "team",
                     {{"spec", {{"limitTargets", Json::array({Gateway()})}}}});
  stage_.Pass(kWhile);
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 10);
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 20);
  EXPECT_EQ(stage_.posted().size(), 5U);
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
}

TEST_F(LimitTargets, AWebhookThatDoesNotAnswerIsToldAndHoldsUpNothing) {
  int tries = 0;
  bool answers = false;
  stage_.SetGateway([&](const std::string&) {
    ++tries;
    return answers ? Ok() : Status(Error(ErrorCode::kUnavailable, "answered 503"));
  });
  Team(Json::array({Gateway()}));
  Lead();
  Spend(11);
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  const int before = tries;
  stage_.Pass(seconds(600));
  EXPECT_GE(tries, before + 8);
  EXPECT_LE(tries, before + 12) << "once a minute";
  answers = true;
  stage_.Pass(seconds(120));
  ASSERT_EQ(stage_.posted().size(), 1U) << "the newest alone";
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 0);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "True/Published");
}

TEST_F(LimitTargets, AWebhookThatNeverAnswersKeepsNoPoolForEver) {
  bool answers = false;
  stage_.SetGateway([&](const std::string&) {
    return answers ? Ok() : Status(Error(ErrorCode::kUnavailable, "cannot be reached"));
  });
  Team(Json::array({Gateway()}));
  Lead();
  Spend(11);
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(900));
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
  EXPECT_EQ(stage_.Replicas("worker"), 5);
  answers = true;
  stage_.Pass(seconds(120));
  ASSERT_EQ(stage_.posted().size(), 1U) << "it is tried on all the same";
  EXPECT_EQ(stage_.posted().back()["maxConcurrency"], 20);
}

TEST_F(LimitTargets, AWebhookThatIsNotConfiguredIsTold) {
  const Json other{{"webhook", {{"name", "other"}}}};
  Team(Json::array({other}));
  Lead();
  Spend(11);
  EXPECT_EQ(stage_.ConditionOf("agentpools", "team", "LimitsPublished"), "False/PublishFailed");
  EXPECT_EQ(stage_.Replicas("worker"), 0);
  stage_.api().Delete("agentpools", kStageNamespace, "team");
  stage_.Pass(seconds(5));
  EXPECT_TRUE(stage_.api().Get("agentpools", kStageNamespace, "team").is_null());
}

TEST_F(LimitTargets, AWebhookIsToldAgainBeforeADocumentIsValidNoMore) {
  auto gateway = Gateway();
  gateway["validSeconds"] = 600;
  Team(Json::array({gateway}));
  Lead();
  for (int i = 0; i < 20; ++i) {
    stage_.Pass(seconds(90));
    const auto until = ParseRfc3339(stage_.posted().back()["validUntil"].get<std::string>());
    EXPECT_GT(*until, stage_.clock().Now() + seconds(290));
  }
  EXPECT_LE(stage_.posted().size(), 8U);
}

// The status is written before the field, so that whatever ends between them is known.
TEST_F(LimitTargets, AnEntryThatGoesWhileNobodyLooksIsRestoredWhereverTheLifeBeforeEnded) {
  using support::Lifeline;
  const auto rest = [](Stage& stage) {
    for (int i = 0; i < 15; ++i) {
      stage.Settle();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  };
  bool limited = false;
  for (const auto kill : {Lifeline::Kill::kBefore, Lifeline::Kill::kAfter}) {
    for (int k = 2; k < 10; ++k) {
      Stage stage;
      stage.AlsoWatched("routes");
      stage.api().Create("routes", {{"kind", "Route"},
                                    {"apiVersion", "test.dev/v1"},
                                    {"metadata", {{"namespace", kStageNamespace}, {"name", "way"}}},
                                    {"spec", {{"most", 15}}}});
      const auto most = [&] {
        return stage.api().Get("routes", kStageNamespace, "way")["spec"]["most"].get<int>();
      };
      stage.Deployment("worker", 5);
      stage.Pool("team", {"worker"}, {{"limitTargets", Json::array({Field()})}});
      stage.Budget("daily", {{"limit", "0"}});
      stage.StayDown();
      stage.Start(k, kill);
      rest(stage);
      stage.Pass(kWhile);
      stage.Kill();
      limited = limited || most() == 0;
      stage.api().Patch("agentpools", kStageNamespace, "team",
                        {{"spec", {{"limitTargets", nullptr}}}});
      stage.WatchedNoMore();
      stage.Start();
      rest(stage);
      stage.Pass(kWhile);
      EXPECT_EQ(most(), 15) << k;
    }
  }
  EXPECT_TRUE(limited);
}

}  // namespace
}  // namespace purser::controllers
