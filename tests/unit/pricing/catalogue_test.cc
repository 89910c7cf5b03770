#include "usage/pricing/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "usage/pricing/model_names.h"

namespace purser::usage::pricing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TokenPrice Price(const char* text) { return TokenPrice::Parse(text).value(); }

TEST(CatalogueTest, ReadsThePublicShape) {
  const auto catalogue = ParseCatalogue(R"({
    "sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0,
                    "max_tokens": "set to max_output_tokens"},
    "gpt-4o": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
               "cache_read_input_token_cost": 1.25e-06, "input_cost_per_token_batches": 1.25e-06,
               "output_cost_per_token_batches": 5e-06, "max_tokens": 16384, "mode": "chat",
               "litellm_provider": "openai", "supported_endpoints": ["/v1/chat"],
               "search_context_cost_per_query": {"input_cost_per_token": 7},
               "supports_vision": true, "deprecation_date": null,
               "cache_creation_input_token_cost_above_1hr": 9},
    "free": {"input_cost_per_token": 0, "output_cost_per_token": 0.0},
    "dall-e": {"output_cost_per_image": 0.04},
    "half": {"input_cost_per_token": 1e-06}
  })");
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  EXPECT_THAT(catalogue->models, SizeIs(2)) << "what has no price of tokens is no model here";
  EXPECT_THAT(catalogue->problems, IsEmpty());
  const auto& model = catalogue->models.at("gpt-4o");
  const TokenPrices want{Price("2.5e-06"), Price("1e-05"), Price("1.25e-06"), {}, {}};
  EXPECT_EQ(model.At(Tier::kStandard, 0), want);
  EXPECT_EQ(model.At(Tier::kStandard, 1'000'000), want);
  EXPECT_EQ(model.At(Tier::kBatch, 0).input, Price("1.25e-06"));
  EXPECT_EQ(model.At(Tier::kPriority, 0), want) << "no price of its own: the standard's";
  EXPECT_EQ(catalogue->models.at("free").At(Tier::kStandard, 0), TokenPrices());
}

TEST(CatalogueTest, AboveAStepTheWholeRequestIsDearer) {
  const auto catalogue = ParseCatalogue(R"({"m": {
    "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
    "cache_read_input_token_cost": 1e-07, "output_cost_per_reasoning_token": 3e-06,
    "input_cost_per_token_above_200k_tokens": 2e-06,
    "output_cost_per_token_above_200k_tokens": 4e-06,
    "input_cost_per_token_above_512k_tokens": 8e-06,
    "input_cost_per_token_priority": 3e-06, "output_cost_per_token_priority": 3e-06,
    "input_cost_per_token_above_512k_tokens_priority": 9e-06}})");
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  const auto& model = catalogue->models.at("m");
  EXPECT_EQ(model.At(Tier::kStandard, 200'000).input, Price("1e-06"));
  EXPECT_EQ(model.At(Tier::kStandard, 200'001).input, Price("2e-06"));
  EXPECT_EQ(model.At(Tier::kStandard, 200'001).output, Price("4e-06"));
  EXPECT_EQ(model.At(Tier::kStandard, 200'001).cached, Price("1e-07"));
  EXPECT_EQ(model.At(Tier::kStandard, 600'000).input, Price("8e-06"));
  EXPECT_EQ(model.At(Tier::kStandard, 600'000).output, Price("4e-06"));
  EXPECT_EQ(model.At(Tier::kPriority, 0).input, Price("3e-06"));
  EXPECT_EQ(model.At(Tier::kPriority, 300'000).input, Price("3e-06")) << "the dearer of two";
  EXPECT_EQ(model.At(Tier::kPriority, 300'000).output, Price("4e-06")) << "the dearer of two";
  EXPECT_EQ(model.At(Tier::kPriority, 600'000).input, Price("9e-06"));
  EXPECT_EQ(model.At(Tier::kFlex, 0).reasoning, Price("3e-06"));
}

TEST(CatalogueTest, ABadPriceTakesOneModelAway) {
  const auto catalogue = ParseCatalogue(R"({
    "good": {"input_cost_per_token": "1e-06", "output_cost_per_token": 1e-06},
    "bad": {"input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06},
    "dear": {"input_cost_per_token": 1e-06, "output_cost_per_token": 5000}})");
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  EXPECT_THAT(catalogue->models, SizeIs(1));
  EXPECT_THAT(catalogue->problems,
              ElementsAre("bad.input_cost_per_token is a negative price; the model has no price",
                          HasSubstr("dear.output_cost_per_token is a price of more than $1,000")));
}

TEST(CatalogueTest, YamlOfTheSameShape) {
  const auto catalogue = ParseCatalogue(
      "# ours\ngpt-5:\n  input_cost_per_token: 1.0e-06\n  output_cost_per_token: \"0.00001\"\n");
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message();
  EXPECT_EQ(catalogue->models.at("gpt-5").At(Tier::kStandard, 0).input, Price("1e-06"));
}

TEST(CatalogueTest, WhatIsNoneIsRefused) {
  const std::string deep = "{\"a\":{\"b\":" + std::string(100'000, '[') + "}}";
  for (const std::string text :
       {"", " ", "[]", "{\"a\": 1}", "{\"a\": [{}]}", "{\"a\": {", "prices", "- a", "a: 1",
        "{\"a\": {\"input_cost_per_token\": 1e}}", "{\"a\xff\": {}}", deep.c_str()}) {
    const auto catalogue = ParseCatalogue(text);
    EXPECT_FALSE(catalogue.ok()) << text.substr(0, 40);
  }
  EXPECT_FALSE(ParseCatalogue(std::string((8 << 20) + 1, ' ')).ok());
  EXPECT_TRUE(ParseCatalogue("{}").ok());
}

TEST(CatalogueTest, TheOneThatIsShippedIsComplete) {
  const auto& catalogue = BuiltinCatalogue();
  EXPECT_GE(catalogue.models.size(), 20U);
  EXPECT_THAT(catalogue.problems, IsEmpty());
  EXPECT_THAT(catalogue.date, ::testing::MatchesRegex("20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]"));
  for (const auto& [name, prices] : catalogue.models) {
    const auto standard = prices.At(Tier::kStandard, 0);
    EXPECT_GT(standard.input, TokenPrice()) << name;
    EXPECT_GE(standard.output, standard.input) << name;
    EXPECT_LE(standard.cached.value_or(TokenPrice()), standard.input) << name;
    EXPECT_LT(standard.output, Price("0.001")) << name << ": a price for a million tokens?";
  }
}

TEST(CatalogueNamesTest, PartsAreTakenOffLongestFirst) {
  EXPECT_THAT(CatalogueNames("", "gpt-4o-2024-08-06"), ElementsAre("gpt-4o-2024-08-06", "gpt-4o"));
  EXPECT_THAT(CatalogueNames("openai", "gpt-4o"), ElementsAre("openai/gpt-4o", "gpt-4o"));
  EXPECT_THAT(CatalogueNames("", "claude-opus-5[1m]"),
              ElementsAre("claude-opus-5[1m]", "claude-opus-5"));
  EXPECT_THAT(CatalogueNames("", "global.anthropic.claude-opus-4-6-v1"),
              ElementsAre("global.anthropic.claude-opus-4-6-v1", "global.anthropic.claude-opus-4-6",
                          "anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6",
                          "claude-opus-4-6-v1", "claude-opus-4-6"));
  EXPECT_THAT(
      CatalogueNames("aws.bedrock", "claude-sonnet-4-20250514-v1:0"),
      ElementsAre("bedrock/claude-sonnet-4-20250514-v1:0", "bedrock/claude-sonnet-4-20250514",
                  "bedrock/claude-sonnet-4", "claude-sonnet-4-20250514-v1:0",
                  "claude-sonnet-4-20250514", "claude-sonnet-4"));
  EXPECT_THAT(CatalogueNames("", "openrouter/openai/gpt-4.1"),
              ElementsAre("openrouter/openai/gpt-4.1", "openai/gpt-4.1", "gpt-4.1"));
  EXPECT_THAT(CatalogueNames("", "claude-sonnet-4-5@20250929"),
              ElementsAre("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"));
}

TEST(CatalogueNamesTest, NothingIsGuessed) {
  EXPECT_THAT(CatalogueNames("", "gpt-4.1"), ElementsAre("gpt-4.1"));
  EXPECT_THAT(CatalogueNames("", "gpt-4o-mini"), ElementsAre("gpt-4o-mini"));
  EXPECT_THAT(CatalogueNames("", "gpt-4-0613"), ElementsAre("gpt-4-0613"));
  EXPECT_THAT(CatalogueNames("", "[1m]"), ElementsAre("[1m]"));
  EXPECT_THAT(CatalogueNames("openai", ""), IsEmpty());
  EXPECT_THAT(CatalogueNames("", std::string(257, 'x')), IsEmpty());
  EXPECT_THAT(CatalogueNames("", std::string(256, '/')).size(), ::testing::Le(17U));
}

}  // namespace
}  // namespace purser::usage::pricing
