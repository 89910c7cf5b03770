#include "plugin/overview.h"

#include <gtest/gtest.h>

namespace purser::plugin {
namespace {

using nlohmann::json;

json Object(const char* name, json spec, json status) {
  return {{"metadata", {{"name", name}, {"namespace", "agents"}}},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

json Agent(const char* name) {
  return {{"name", name}, {"state", "Normal"}, {"concurrency", 4}, {"running", 2}};
}

json PoolOf(const json& agents) {
  return json::array({Object("research", {{"maxConcurrency", 20}},
                             {{"state", "Normal"},
                              {"agentCount", agents.size()},
                              {"maxConcurrency", 20},
                              {"governedBy", "daily"},
                              {"agents", agents}})});
}

TEST(OverviewTest, APoolInARow) {
  const auto table = PoolTable(PoolOf(json::array({Agent("a")})), true, false);
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0], (Row{"agents", "research", "Normal", "1", "20 of 20", "daily"}));
}

TEST(OverviewTest, WhatHasNoStatusYetIsEmptyNotZero) {
  const auto table =
      BudgetTable(json::array({Object("new", {{"limit", "5"}}, nullptr)}), false, false);
  EXPECT_EQ(table.rows[0], (Row{"new", "", "", "", "", "", "", ""}));
}

TEST(OverviewTest, AnythingAtAllIsNoError) {
  const auto wild = json::parse(
      R"([{"metadata":7,"status":[],"spec":"x"},{"status":{"agents":{"a":1},"spent":[]}}])");
  EXPECT_EQ(BudgetTable(wild, true, true).rows.size(), 2U);
  EXPECT_EQ(PoolTable(wild, true, true).rows.size(), 2U);
  EXPECT_TRUE(AgentTable(wild, wild, true).rows.empty());
  EXPECT_EQ(RequestTable(wild, wild, true, true).rows.size(), 4U);
}

TEST(OverviewTest, AgentsThatSpendFastestComeFirst) {
  const auto subject = [](const char* name, const char* spent, const char* burn) {
    return json{{"name", name},
                {"spent", spent},
                {"limit", "50"},
                {"percentUsed", 9},
                {"burnPerHour", burn}};
  };
  const auto budgets = json::array(
      {Object("daily", {{"scope", {{"per", "Agent"}}}},
              {{"subjects",
                {subject("a", "9", "1"), subject("b", "10", "0.5"), subject("c", "1", "30")}}})});
  const auto table =
      AgentTable(PoolOf({Agent("a"), Agent("b"), Agent("c"), Agent("unseen")}), budgets, false);
  ASSERT_EQ(table.rows.size(), 4U);
  EXPECT_EQ(table.rows[0],
            (Row{"c", "research", "Normal", "4", "2", "daily", "1", "50", "9 %", "30"}));
  EXPECT_EQ(table.rows[1][0], "a");
  EXPECT_EQ(table.rows[2][0], "b");
  EXPECT_EQ(table.rows[3], (Row{"unseen", "research", "Normal", "4", "2", "", "", "", "", ""}));
}

TEST(OverviewTest, AnAgentOfAnotherNamespaceIsAnother) {
  auto pools = PoolOf(json::array({Agent("a")}));
  auto budgets = json::array(
      {Object("daily", json::object(), {{"agents", {{{"name", "a"}, {"spent", "7"}}}}})});
  budgets[0]["metadata"]["namespace"] = "others";
  EXPECT_EQ(AgentTable(pools, budgets, false).rows[0][6], "");
}

TEST(OverviewTest, WhatWaitsAndWhatWasDecided) {
  const auto overrides =
      json::array({Object("more",
                          {{"budget", "daily"},
                           {"add", "20"},
                           {"agent", "a"},
                           {"reason", "r"},
                           {"expires", {{"untilReset", true}}}},
                          {{"state", "Requested"}}),
                   Object("old", {{"budget", "daily"}, {"set", "9"}},
                          {{"state", "Expired"}, {"until", "2026-11-27T00:00:00Z"}})});
  const auto corrections =
      json::array({Object("wrong", {{"doubt", 17}, {"decision", "Reject"}}, nullptr)});
  const auto waiting = RequestTable(overrides, corrections, false, false);
  ASSERT_EQ(waiting.rows.size(), 2U);
  EXPECT_EQ(waiting.rows[0],
            (Row{"override/more", "Requested", "daily for a: 20 more", "", "the next reset", "r"}));
  EXPECT_EQ(waiting.rows[1], (Row{"correction/wrong", "Requested", "Reject doubt 17", "", "", ""}));
  const auto all = RequestTable(overrides, corrections, false, true);
  ASSERT_EQ(all.rows.size(), 3U);
  EXPECT_EQ(all.rows[1],
            (Row{"override/old", "Expired", "daily: limit 9", "", "2026-11-27T00:00:00Z", ""}));
}

}  // namespace
}  // namespace purser::plugin
