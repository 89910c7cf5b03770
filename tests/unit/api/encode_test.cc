#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "api/codec.h"
#include "unit/api/decode_json.h"
#include "unit/api/full_objects.h"

namespace purser::api {
namespace {

TEST(EncodeTest, WhatIsWrittenIsReadBackUnchanged) {
  const auto budget = FullBudget();
  const auto read_budget = BudgetOf(EncodeAgentBudget(budget), UnknownFields::kReject);
  ASSERT_TRUE(read_budget.ok());
  EXPECT_EQ(read_budget->invalid, std::nullopt);
  EXPECT_EQ(read_budget->meta, budget.meta);
  EXPECT_EQ(read_budget->spec, budget.spec);
  EXPECT_EQ(read_budget->status, budget.status);

  const auto pool = FullPool();
  const auto read_pool = PoolOf(EncodeAgentPool(pool), UnknownFields::kReject);
  ASSERT_TRUE(read_pool.ok());
  EXPECT_EQ(read_pool->invalid, std::nullopt);
  EXPECT_EQ(read_pool->meta, pool.meta);
  EXPECT_EQ(read_pool->spec, pool.spec);
  EXPECT_EQ(read_pool->status, pool.status);

  for (const auto form : {CorrectionForm::kAmount, CorrectionForm::kDoubt}) {
    const auto correction = FullCorrection(form);
    const auto read = CorrectionOf(EncodeSpendCorrection(correction), UnknownFields::kReject);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->invalid, std::nullopt);
    EXPECT_EQ(read->meta, correction.meta);
    EXPECT_EQ(read->spec, correction.spec);
    EXPECT_EQ(read->status, correction.status);
  }
}

TEST(EncodeTest, EmptyTextsAreLeftOutAndListsAreNot) {
  const auto budget = nlohmann::json::parse(EncodeStatus(AgentBudgetStatus{}));
  EXPECT_EQ(
      budget,
      nlohmann::json::parse(
          R"({"observedGeneration":0,"agents":[],"agentCount":0,"history":[],"conditions":[]})"));
  const auto pool = nlohmann::json::parse(EncodeStatus(AgentPoolStatus{}));
  EXPECT_EQ(
      pool,
      nlohmann::json::parse(
          R"({"observedGeneration":0,"agentCount":0,"maxConcurrency":0,"agents":[],"conditions":[]})"));
}

TEST(EncodeTest, AStatusHasTheNamesOfTheApi) {
  const auto json = nlohmann::json::parse(EncodeStatus(FullBudget().status));
  EXPECT_EQ(json["window"]["start"], "2026-11-23T00:00:00-05:00");
  EXPECT_EQ(json["percentUsed"], 82);
  EXPECT_EQ(json["conditions"][0]["lastTransitionTime"], "2026-11-23T05:00:00Z");
}

TEST(EncodeTest, TextsAreCutToTheSchemasBoundsAndAlwaysUtf8) {
  AgentPoolStatus status;
  status.reason = std::string(5'000, 'r');
  status.conditions.push_back(
      {"Ready", "False", "Why", std::string(4'095, 'm') + "日本", "2026-11-23T05:00:00Z", 1});
  status.conditions.push_back(
      {"Governed", "False", "Why", "bad \xff byte \x01", "2026-11-23T05:00:00Z", 1});
  const auto json = nlohmann::json::parse(EncodeStatus(status));
  EXPECT_EQ(json["reason"].get<std::string>().size(), 1'024u);
  EXPECT_EQ(json["conditions"][0]["message"], std::string(4'095, 'm'));
  EXPECT_EQ(json["conditions"][1]["message"], "bad \xEF\xBF\xBD byte \x01");
}

}  // namespace
}  // namespace purser::api
