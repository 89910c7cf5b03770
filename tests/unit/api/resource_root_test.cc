#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/codec.h"
#include "unit/api/decode_json.h"

namespace purser::api {
namespace {

using ::testing::HasSubstr;

TEST(ResourceRootTest, WhatCannotBeReadIsAnError) {
  struct Case {
    std::string json, want;
  };
  const std::vector<Case> cases = {
      {"[]", "metadata: is required"},
      {"{}", "metadata: is required"},
      {R"({"metadata":[]})", "metadata: is required"},
      {R"({"metadata":{}})", "metadata.name: is required"},
      {R"({"metadata":{"name":7}})", "metadata.name: 7 is not text"},
      {R"({"metadata":{"name":")" + std::string(254, 'a') + "\"}}", "metadata.name"},
      {R"({"metadata":{"name":"x","generation":"1"}})", "metadata.generation: \"1\""},
      {R"({"metadata":{"name":"x","finalizers":[1]}})", "metadata.finalizers"},
  };
  for (const auto& c : cases) {
    const auto budget = BudgetOf(c.json);
    ASSERT_FALSE(budget.ok()) << c.json;
    EXPECT_EQ(budget.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(budget.error().message(), HasSubstr(c.want)) << c.json;
    EXPECT_FALSE(PoolOf(c.json).ok()) << c.json;
  }
}

TEST(ResourceRootTest, TheWrongKindAndUnknownFieldsAroundTheSpecAreTold) {
  const std::string head =
      R"("metadata":{"name":"b"},"spec":{"limit":"1","scope":{"pools":["*"]}})";
  EXPECT_THAT(BudgetOf(R"({"kind":"AgentPool",)" + head + "}")->invalid.value_or(""),
              HasSubstr("kind: \"AgentPool\" is not AgentBudget"));
  EXPECT_THAT(BudgetOf(R"({"apiVersion":"purser.dev/v2",)" + head + "}")->invalid.value_or(""),
              HasSubstr("apiVersion: \"purser.dev/v2\" is not purser.dev/v1alpha1"));
  EXPECT_THAT(BudgetOf(R"({"metadata":{"name":"b"}})")->invalid.value_or(""),
              HasSubstr("spec: is required"));
  EXPECT_THAT(BudgetOf("{" + head + R"(,"spce":{}})", UnknownFields::kReject)->invalid.value_or(""),
              HasSubstr("spce: unknown field; did you mean \"spec\"?"));
  EXPECT_THAT(
      BudgetOf(
          R"({"metadata":{"name":"b","namspace":"n"},"spec":{"limit":"1","scope":{"pools":["*"]}}})",
          UnknownFields::kReject)
          ->invalid.value_or(""),
      HasSubstr("metadata.namspace: unknown field; did you mean \"namespace\"?"));
  EXPECT_EQ(BudgetOf(R"({"apiVersion":"purser.dev/v1alpha1","kind":"AgentBudget",)" + head + "}",
                     UnknownFields::kReject)
                ->invalid,
            std::nullopt);
}

struct MetadataCase {
  std::string metadata, want;
};

const std::vector<MetadataCase>& WrongMetadata() {
  static const std::vector<MetadataCase> cases = {
      {R"({"name":"Bad Name"})", R"(metadata.name: "Bad Name": want an object's name)"},
      {R"({"name":"b-"})", "metadata.name: \"b-\""},
      {R"({"name":"b","namespace":"NS!"})", R"(metadata.namespace: "NS!": want a name of lower-)"},
      {R"({"name":"b","namespace":"a.b"})", "metadata.namespace: \"a.b\""},
      {R"({"name":"b","namespace":")" + std::string(64, 'a') + "\"}", "metadata.namespace: \"aaa"},
      {R"({"name":"b","annotations":["x"]})", "metadata.annotations: want an object, got a list"},
      {R"({"name":"b","annotations":"x"})", "metadata.annotations: want an object, got \"x\""},
      {R"({"name":"b","annotations":{"a/b":true}})", "metadata.annotations.a/b: true is not text"},
      {R"({"name":"b","labels":{"a":1}})", "metadata.labels.a: 1 is not text"},
      {R"({"name":"b","labels":{"a":{}}})", "metadata.labels.a: an object is not text"},
      {R"({"name":"b","labels":[]})", "metadata.labels: want an object, got a list"},
  };
  return cases;
}

std::string Around(const std::string& metadata, const std::string& spec) {
  return R"({"metadata":)" + metadata + R"(,"spec":)" + spec + "}";
}

constexpr const char* kBudgetSpec = R"({"limit":"1","scope":{"pools":["*"]}})";
constexpr const char* kPoolSpec =
    R"({"maxConcurrency":1,"agents":[{"name":"a","workloadRef":{"kind":"Deployment","name":"a"}}]})";

TEST(ResourceRootTest, OfAManifestItIsWhatTheServerTakes) {
  for (const auto& c : WrongMetadata()) {
    const auto budget = BudgetOf(Around(c.metadata, kBudgetSpec), UnknownFields::kReject);
    ASSERT_TRUE(budget.ok()) << c.metadata;
    EXPECT_THAT(budget->invalid.value_or(""), HasSubstr(c.want)) << c.metadata;
    const auto pool = PoolOf(Around(c.metadata, kPoolSpec), UnknownFields::kReject);
    ASSERT_TRUE(pool.ok()) << c.metadata;
    EXPECT_THAT(pool->invalid.value_or(""), HasSubstr(c.want)) << c.metadata;
  }
  for (const std::string metadata :
       {R"({"name":"a.b-1","namespace":"n-1"})", R"({"name":"b","namespace":null,"labels":null})",
        R"({"name":"b","labels":{},"annotations":{"a/b":"","c":"\n"}})"}) {
    EXPECT_EQ(BudgetOf(Around(metadata, kBudgetSpec), UnknownFields::kReject)->invalid,
              std::nullopt)
        << metadata;
  }
  const std::string large =
      R"({"name":"b","annotations":{"a":")" + std::string(200'000, 'x') + "\"}}";
  EXPECT_EQ(BudgetOf(Around(large, kBudgetSpec), UnknownFields::kReject)->invalid, std::nullopt);
}

TEST(ResourceRootTest, WhatTheServerHoldsIsNotRefusedForItsMetadata) {
  for (const auto& c : WrongMetadata()) {
    const auto budget = BudgetOf(Around(c.metadata, kBudgetSpec));
    ASSERT_TRUE(budget.ok()) << c.metadata;
    EXPECT_EQ(budget->invalid, std::nullopt) << c.metadata;
    const auto pool = PoolOf(Around(c.metadata, kPoolSpec));
    ASSERT_TRUE(pool.ok()) << c.metadata;
    EXPECT_EQ(pool->invalid, std::nullopt) << c.metadata;
  }
}

}  // namespace
}  // namespace purser::api
