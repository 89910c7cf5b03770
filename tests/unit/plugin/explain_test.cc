#include "plugin/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::plugin {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json Condition(const char* type, const char* status, const char* message) {
  return {{"type", type},
          {"status", status},
          {"reason", "Why"},
          {"message", message},
          {"lastTransitionTime", "2026-11-27T10:00:00Z"}};
}

json Budget() {
  return {
      {"metadata", {{"name", "daily"}, {"namespace", "agents"}}},
      {"spec", {{"limit", "50"}}},
      {"status",
       {{"state", "Throttled"},
        {"spent", "41"},
        {"limit", "50"},
        {"percentUsed", 82},
        {"resetsAt", "2026-11-28T00:00:00Z"},
        {"burnPerHour", "3"},
        {"inDoubt", "0"},
        {"agents",
         {{{"name", "writer"}, {"spent", "40"}, {"percentUsed", 80}, {"state", "Throttled"}}}},
        {"conditions",
         {Condition("Ready", "True", "well"), Condition("Throttled", "True", "spent $41 of $50"),
          Condition("Metered", "False", "writer is not metered"),
          Condition("LedgerGap", "False", "quiet")}}}}};
}

json Pool() {
  return {{"metadata", {{"name", "research"}, {"namespace", "agents"}}},
          {"spec", {{"maxConcurrency", 20}}},
          {"status",
           {{"state", "Throttled"},
            {"maxConcurrency", 4},
            {"governedBy", "daily"},
            {"agents",
             {{{"name", "writer"},
               {"state", "Throttled"},
               {"concurrency", 4},
               {"replicas", 2},
               {"running", 2},
               {"savedReplicas", 5},
               {"governedBy", "daily"},
               {"reason", "82 %"}},
              {{"name", "reader"},
               {"state", "Normal"},
               {"concurrency", 4},
               {"replicas", 1},
               {"running", 1}}}}}}};
}

TEST(ExplainTest, ABudgetFromSpendToTheWayOut) {
  const auto text = ExplainBudget(Budget(), json::array({Pool()}));
  EXPECT_THAT(text, HasSubstr("Budget agents/daily is Throttled.\n  spent $41 of $50.\n"));
  EXPECT_THAT(text, HasSubstr("Thresholds: 80 % Throttle (reached), 100 % Stop."));
  EXPECT_THAT(text, HasSubstr("The dearest agents: writer 40 (80 %, Throttled)."));
  EXPECT_THAT(text, HasSubstr("! Metered=False (Why) since 2026-11-27T10:00:00Z: writer is not"));
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
  EXPECT_THAT(text, Not(HasSubstr("well")));
  EXPECT_THAT(text, Not(HasSubstr("in doubt")));
  EXPECT_THAT(text, HasSubstr("wait for the reset at 2026-11-28T00:00:00Z, or ask for more with "
                              "kubectl purser topup daily AMOUNT --reason WHY -n agents"));
  EXPECT_THAT(text, HasSubstr("- writer is Throttled: concurrency 4, replicas 2, running pods 2; 5 "
                              "will be restored; governed by budget daily\n    because: 82 %"));
}

TEST(ExplainTest, ABudgetOfAnotherNamespaceGovernsNothingHere) {
  auto budget = Budget();
  budget["metadata"]["namespace"] = "others";
  EXPECT_THAT(ExplainPool(Pool(), json::array({budget})), Not(HasSubstr("Budget ")));
}

TEST(ExplainTest, WhatWasNeverEvaluatedIsNotCalledNormal) {
  auto budget = Budget();
  budget.erase("status");
  const auto text = ExplainBudget(budget, json::array());
  EXPECT_THAT(text, HasSubstr("is not evaluated yet"));
  EXPECT_THAT(text, HasSubstr("Spend is not known yet"));
  EXPECT_THAT(text, Not(HasSubstr("To go on")));
}

TEST(ExplainTest, AnAgentOrTheNamesThereAre) {
  const auto pools = json::array({Pool()});
  const auto budgets = json::array({Budget()});
  EXPECT_THAT(*ExplainAgent("writer", pools, budgets), HasSubstr("Budget agents/daily"));
  EXPECT_THAT(*ExplainAgent("reader", pools, budgets), Not(HasSubstr("Budget agents/daily")));
  const auto unknown = ExplainAgent("Writer", pools, budgets);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().message(), HasSubstr("there are: reader, writer"));
}

TEST(ExplainTest, ControlCharactersDoNotReachTheTerminal) {
  auto pool = Pool();
  pool["status"]["reason"] = "\033[2Jgone";
  EXPECT_THAT(ExplainPool(pool, json::array()), Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace purser::plugin
