// Every write of a scenario, to the API server and to the ledger, is numbered; the operator is
// killed before and after each of them and started again: it must end as it does without.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;
using support::Lifeline;
using Json = nlohmann::json;

constexpr seconds kWhile{75};  // longer than any status is held back

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

// What people and agents do one after the other; time passes after each.
struct Scenario {
  const char* name;
  std::vector<std::function<void(Stage&)>> steps;
  // What must be true at the end, whatever the kills: else all runs could be wrong alike.
  std::function<void(const Stage&)> end;
};

const Json kMonth{{"period", "Month"}};

void Team(Stage& stage) {
  stage.Deployment("worker", 5);
  stage.Deployment("helper", 3);
  stage.Pool("team", {"worker", "helper"});
  stage.Budget("daily", {{"limit", "10"}});
}
void SpendOver(Stage& stage) { stage.Spend("worker", Dollars(11)); }
void SpendMost(Stage& stage) { stage.Spend("worker", Dollars(9)); }

void BackAsTheyWere(const Stage& stage) {
  EXPECT_EQ(stage.Replicas("worker"), 5);
  EXPECT_EQ(stage.Replicas("helper"), 3);
}
void BothStopped(const Stage& stage) {
  EXPECT_EQ(stage.Replicas("worker"), 0);
  EXPECT_EQ(stage.Replicas("helper"), 0);
  EXPECT_EQ(stage.StatusOf("agentpools", "team")["state"], "Stopped");
}

std::vector<Scenario> Scenarios() {
  const auto patch = [](const char* plural, const char* name, Json change,
                        const char* manager = "kubectl") {
    return [=](Stage& stage) { stage.api().Patch(plural, kStageNamespace, name, change, manager); };
  };
  const auto remove = [](const char* plural, const char* name) {
    return [=](Stage& stage) { stage.api().Delete(plural, kStageNamespace, name); };
  };
  return {
      {"Cross", {Team, SpendMost, SpendOver}, BothStopped},
      {"CrossWithLimits",
       {[](Stage& stage) {
          stage.Deployment("worker", 5);
          stage.Deployment("helper", 3);
          stage.Pool("team", {"worker", "helper"},
                     {{"limitTargets", {{{"configMap", {{"name", "limits"}}}}}},
                      {"scaling", {{"drainSeconds", 20}}}});
          stage.Budget("daily", {{"limit", "10"}});
        },
        SpendMost, SpendOver, remove("agentpools", "team")},
       BackAsTheyWere},
      {"StopByAPerson",
       {Team, patch("agentpools", "team", {{"spec", {{"stop", {{"reason", "odd"}}}}}}),
        patch("agentpools", "team", {{"spec", {{"stop", nullptr}}}})},
       BackAsTheyWere},
      {"Reset",
       {Team, SpendOver, [](Stage& stage) { stage.clock().Advance(std::chrono::hours(15)); }},
       BackAsTheyWere},
      {"RaiseOfTheLimit",
       {Team, SpendOver, patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       BackAsTheyWere},
      {"RaiseOfTheLimitByHand",
       {[](Stage& stage) {
          stage.Deployment("worker", 5);
          stage.Deployment("helper", 3);
          stage.Pool("team", {"worker", "helper"}, {{"scaling", {{"restore", "Manual"}}}});
          stage.Budget("daily", {{"limit", "10"}});
        },
        SpendOver, patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}}),
        patch("agentpools", "team",
              {{"metadata", {{"annotations", {{"purser.dev/restore", "now"}}}}}})},
       BackAsTheyWere},
      {"DeleteOfTheBudget", {Team, SpendOver, remove("agentbudgets", "daily")}, BackAsTheyWere},
      {"DeleteOfThePool", {Team, SpendOver, remove("agentpools", "team")}, BackAsTheyWere},
      {"DeleteOfBoth",
       {Team, SpendOver,
        [](Stage& stage) {
          stage.api().Delete("agentbudgets", kStageNamespace, "daily");
          stage.api().Delete("agentpools", kStageNamespace, "team");
        }},
       BackAsTheyWere},
      {"OverrideByAPerson",
       {Team, SpendOver, patch("deployments", "worker", {{"spec", {{"replicas", 8}}}}),
        patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       [](const Stage& stage) {
         EXPECT_EQ(stage.Replicas("worker"), 8);
         EXPECT_EQ(stage.Replicas("helper"), 3);
       }},
      {"OverrideByAnAutoscaler",
       {Team, SpendOver,
        patch("deployments", "worker", {{"spec", {{"replicas", 8}}}}, "kube-controller-manager"),
        patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       BackAsTheyWere},
      {"LowerByAPersonDuringAThrottle",
       {Team, SpendMost, patch("deployments", "worker", {{"spec", {{"replicas", 1}}}}),
        patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       [](const Stage& stage) { EXPECT_EQ(stage.Replicas("worker"), 1); }},
      {"MadeAnewDuringAStop",
       {Team, SpendOver,
        [](Stage& stage) {
          stage.api().Delete("deployments", kStageNamespace, "worker");
          stage.Deployment("worker", 2);
        },
        patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       [](const Stage& stage) {
         EXPECT_EQ(stage.Replicas("worker"), 2);
         EXPECT_EQ(stage.Replicas("helper"), 3);
       }},
      {"MovedToAnotherPool",
       {Team, SpendOver, [](Stage& stage) { stage.Pool("other", {"helper"}); },
        [](Stage& stage) {
          Json agents = Json::array();
          agents.push_back(
              stage.api().Get("agentpools", kStageNamespace, "team")["spec"]["agents"][0]);
          stage.api().Patch("agentpools", kStageNamespace, "team",
                            {{"spec", {{"agents", agents}}}});
        },
        patch("agentbudgets", "daily", {{"spec", {{"limit", "100"}}}})},
       BackAsTheyWere},
      {"OutOfTheLimits",
       {[](Stage& stage) {
          stage.Deployment("worker", 5);
          stage.Deployment("helper", 3);
          stage.Pool("team", {"worker", "helper"},
                     {{"limitTargets", {{{"configMap", {{"name", "limits"}}}}}},
                      {"scaling", {{"drainSeconds", 0}}}});
          stage.Budget("daily", {{"limit", "10"}});
        },
        SpendOver, patch("agentpools", "team", {{"spec", {{"limitTargets", nullptr}}}})},
       [](const Stage& stage) {
         const auto limits = stage.api().Get("configmaps", kStageNamespace, "limits");
         const auto document = Json::parse(limits["data"]["limits.json"].get<std::string>());
         EXPECT_EQ(document["maxConcurrency"], 20);
       }},
      {"Uninstall", {Team, SpendOver, [](Stage& stage) { stage.Uninstall(); }}, BackAsTheyWere},
      {"Correction",
       {Team, SpendOver,
        [](Stage& stage) {
          stage.api().Create("spendcorrections",
                             {{"kind", "SpendCorrection"},
                              {"apiVersion", "purser.dev/v1alpha1"},
                              {"metadata", {{"namespace", kStageNamespace}, {"name", "less"}}},
                              {"spec",
                               {{"agent", "worker"},
                                {"amount", "-5"},
                                {"at", "2026-11-27T09:00:00Z"},
                                {"reason", "counted twice"}}}});
        },
        patch("spendcorrections", "less",
              {{"status",
                {{"approvedBy", "ada"},
                 {"conditions",
                  {{{"type", "Approved"},
                    {"status", "True"},
                    {"reason", "Checked"},
                    {"message", "yes"},
                    {"lastTransitionTime", "2026-11-27T09:00:00Z"}}}}}}})},
       [](const Stage& stage) {
         EXPECT_EQ(stage.Booked("worker"), Dollars(6));
         BackAsTheyWere(stage);
       }},
  };
}

struct Run {
  Json state;
  std::vector<std::string> written;
};

Run Play(const Scenario& scenario, int die_at, Lifeline::Kill kill) {
  Stage stage;
  bool first = true;
  for (const auto& step : scenario.steps) {
    step(stage);
    if (first) stage.Start(die_at, kill);
    first = false;
    stage.Pass(kWhile);
  }
  scenario.end(stage);
  return {stage.State(), stage.written()};
}

// What differs, in lines.
std::string Difference(const Json& expected, const Json& actual) {
  std::string text;
  for (const auto& change : Json::diff(expected, actual)) {
    const auto path = change["path"].get<std::string>();
    const auto at = [&](const Json& json) {
      return json.contains(Json::json_pointer(path)) ? json[Json::json_pointer(path)].dump()
                                                     : std::string("nothing");
    };
    text += "  " + path + ": " + at(expected) + " -> " + at(actual) + "\n";
  }
  return text;
}

std::string InLines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) text += "  " + one + "\n";
  return text;
}

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

class CrashPoints : public testing::TestWithParam<Scenario> {};

TEST_P(CrashPoints, EndAsWithoutAKill) {
  const auto& scenario = GetParam();
  const auto whole = Play(scenario, 0, Lifeline::Kill::kBefore);
  ASSERT_GE(whole.written.size(), 6U) << "it must write to be killed at";
  ASSERT_FALSE(HasFailure());
  for (const auto kill : {Lifeline::Kill::kBefore, Lifeline::Kill::kAfter}) {
    for (int k = 1; k <= static_cast<int>(whole.written.size()); ++k) {
      const auto run = Play(scenario, k, kill);
      const auto where = std::string(kill == Lifeline::Kill::kBefore ? "before" : "after") +
                         " write " + std::to_string(k) + ", " + run.written.back();
      ASSERT_EQ(static_cast<int>(run.written.size()), k) << "the kill must hit a write";
      EXPECT_TRUE(run.state == whole.state) << "killed " << where << "\n"
                                            << Difference(whole.state, run.state);
    }
  }
  if (HasFailure()) ADD_FAILURE() << "writes without a kill:\n" << InLines(whole.written);
}

// `purser restore` itself, killed at a write and run again.
Run PlayRestore(int die_at, Lifeline::Kill kill) {
  Stage stage;
  stage.Deployment("worker", 5);
  stage.Deployment("helper", 3);
  stage.Pool("team", {"worker", "helper"},
             {{"limitTargets", {{{"configMap", {{"name", "limits"}}}}}},
              {"scaling", {{"drainSeconds", 0}}}});
  stage.Budget("daily", {{"limit", "10"}});
  stage.Start();
  SpendOver(stage);
  stage.Pass(kWhile);
  BothStopped(stage);
  auto written = stage.Uninstall(die_at, kill);
  if (die_at > 0) stage.Uninstall();
  BackAsTheyWere(stage);
  return {stage.State(), std::move(written)};
}

TEST(CrashPointsOfRestore, EndAsWithoutAKill) {
  const auto whole = PlayRestore(0, Lifeline::Kill::kBefore);
  ASSERT_GE(whole.written.size(), 5U) << InLines(whole.written);
  ASSERT_FALSE(HasFailure());
  for (const auto kill : {Lifeline::Kill::kBefore, Lifeline::Kill::kAfter}) {
    for (int k = 1; k <= static_cast<int>(whole.written.size()); ++k) {
      const auto run = PlayRestore(k, kill);
      ASSERT_EQ(static_cast<int>(run.written.size()), k) << "the kill must hit a write";
      EXPECT_TRUE(run.state == whole.state)
          << "killed at write " << k << ", " << run.written.back() << "\n"
          << Difference(whole.state, run.state);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, CrashPoints, testing::ValuesIn(Scenarios()),
                         [](const auto& scenario) { return std::string(scenario.param.name); });

}  // namespace
}  // namespace purser::controllers
