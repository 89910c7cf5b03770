#include "usage/pricing/price_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace purser::usage::pricing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class PriceBookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "purser-prices-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  static std::string Model(const std::string& name, const std::string& input) {
    return "{\"" + name + "\": {\"input_cost_per_token\": " + input +
           ", \"output_cost_per_token\": 0}}";
  }
  static std::int64_t NanosOf(const PriceBook& book, std::string_view model) {
    return book.Current()->Price("", model, {.input = 1000}).cost.nanos();
  }

  std::filesystem::path folder_;
};

TEST_F(PriceBookTest, KnowsCommonModelsWithoutAFile) {
  PriceBook book({});
  ASSERT_TRUE(book.Refresh().ok());
  const auto prices = book.Current();
  EXPECT_THAT(prices->version(), MatchesRegex("builtin-20[0-9-]+"));
  for (const char* model :
       {"gpt-4o-2024-08-06", "claude-opus-5[1m]", "global.anthropic.claude-opus-4-6-v1",
        "gemini-2.5-flash-lite", "gpt-5-2025-08-07", "openai/gpt-5-mini"}) {
    const auto priced = prices->Price("", model, {.input = 1000, .output = 10});
    EXPECT_TRUE(priced.known) << model;
    EXPECT_GT(priced.cost, Money()) << model;
  }
}

TEST_F(PriceBookTest, WhatNobodyKnowsIsEstimatedAndTold) {
  const auto unknown =
      api::UnknownModelPrice{Money::FromNanos(15'000'000'000), Money::FromNanos(75'000'000'000)};
  PriceBook estimating({.file = "", .unknown_model = unknown});
  const Tokens tokens{.input = 1000, .output = 100, .cached = 500};
  auto priced = estimating.Current()->Price("acme", "acme-1", tokens);
  EXPECT_FALSE(priced.known);
  EXPECT_EQ(priced.name, "acme-1");
  EXPECT_EQ(priced.cost.nanos(), 22'500'000) << "what is cached is not taken to be cheaper";
  PriceBook silent({.file = {}, .unknown_model = {}});
  priced = silent.Current()->Price("acme", "acme-1", tokens);
  EXPECT_FALSE(priced.known);
  EXPECT_EQ(priced.cost, Money());
  EXPECT_FALSE(silent.Current()->Price("", "", tokens).known);
}

TEST_F(PriceBookTest, ZeroOnPurposeIsKnown) {
  PriceBook book({.file = Write("prices.json", Model("llama-local", "0")),
                  .unknown_model = api::UnknownModelPrice{Money::FromNanos(1), Money()}});
  ASSERT_TRUE(book.Refresh().ok());
  const auto priced = book.Current()->Price("", "llama-local", {.input = 1'000'000});
  EXPECT_TRUE(priced.known);
  EXPECT_EQ(priced.cost, Money());
}

TEST_F(PriceBookTest, TheFileComesFirstAndTheLongestNameWins) {
  PriceBook book({.file = Write("prices.json", Model("gpt-4o", "1e-06")), .unknown_model = {}});
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(NanosOf(book, "gpt-4o"), 1'000'000);
  EXPECT_EQ(NanosOf(book, "gpt-4o-2024-08-06"), 1'000'000);
  EXPECT_EQ(NanosOf(book, "gpt-4o-mini"), 150'000) << "of the program";
  Write("prices.json", R"({"azure/gpt-4o": {"input_cost_per_token": 9e-06,
      "output_cost_per_token": 0}})");
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(book.Current()->Price("az.ai.openai", "gpt-4o", {.input = 1}).cost.nanos(), 9'000);
  EXPECT_EQ(book.Current()->Price("openai", "gpt-4o", {.input = 1}).cost.nanos(), 2'500);
}

TEST_F(PriceBookTest, StepsAreOfOneRequestAlone) {
  PriceBook book({});
  const Tokens tokens{.input = 300'000};
  const auto prices = book.Current();
  EXPECT_EQ(prices->Price("", "gemini-2.5-pro", tokens).cost.nanos(), 375'000'000);
  EXPECT_EQ(prices->Price("", "gemini-2.5-pro", tokens, Tier::kStandard, true).cost.nanos(),
            750'000'000);
}

TEST_F(PriceBookTest, IsReadAgainWhenAConfigMapSwapsItsLink) {
  Write("..1/prices.json", Model("m", "1e-06"));
  Write("..2/prices.json", Model("m", "2e-06"));
  std::filesystem::create_directory_symlink("..1", folder_ / "..data");
  std::filesystem::create_symlink("..data/prices.json", folder_ / "prices.json");
  PriceBook book({.file = (folder_ / "prices.json").string(), .unknown_model = {}});
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(NanosOf(book, "m"), 1'000'000);
  const auto before = book.Current();
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(book.Current(), before) << "not read again while nothing changed";
  EXPECT_THAT(before->version(), MatchesRegex("builtin-20[0-9-]+\\+[0-9a-f]{8}~none"));
  std::filesystem::create_directory_symlink("..2", folder_ / "..next");
  std::filesystem::rename(folder_ / "..next", folder_ / "..data");
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(NanosOf(book, "m"), 2'000'000);
  EXPECT_NE(book.Current()->version(), before->version());
}

TEST_F(PriceBookTest, ABadFileLeavesThePricesBefore) {
  const auto file = Write("prices.json", Model("m", "1e-06"));
  PriceBook book({.file = file, .unknown_model = {}});
  ASSERT_TRUE(book.Refresh().ok());
  Write("prices.json", "{\"m\": {\"input_cost");
  for (int i = 0; i < 2; ++i) {
    const auto status = book.Refresh();
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message(), HasSubstr("prices.file " + file + ": not JSON"));
    EXPECT_THAT(status.error().message(), HasSubstr("stay in force"));
  }
  EXPECT_EQ(NanosOf(book, "m"), 1'000'000);
  std::filesystem::remove(file);
  EXPECT_EQ(book.Refresh().error().code(), ErrorCode::kNotFound);
  Write("prices.json", "{\"m\": {\"input_cost_per_token\": -1, \"output_cost_per_token\": 0}}");
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(book.problems().size(), 1U);
  EXPECT_FALSE(book.Current()->Price("", "m", {}).known);
}

TEST_F(PriceBookTest, TokensAreAddedToTheirKind) {
  Tokens tokens;
  Add(tokens, Quantity::kInputTokens, 1);
  Add(tokens, Quantity::kOutputTokens, 2);
  Add(tokens, Quantity::kCachedTokens, 3);
  Add(tokens, Quantity::kCacheCreationTokens, 4);
  Add(tokens, Quantity::kReasoningTokens, 5);
  Add(tokens, Quantity::kCost, 6);
  Add(tokens, Quantity::kCalls, 7);
  EXPECT_EQ(tokens,
            (Tokens{.input = 1, .output = 2, .cached = 3, .cache_creation = 4, .reasoning = 5}));
}

TEST_F(PriceBookTest, AFileThatIsNotThereYetIsReadWhenItComes) {
  PriceBook book({.file = (folder_ / "prices.json").string(), .unknown_model = {}});
  EXPECT_FALSE(book.Refresh().ok());
  EXPECT_THAT(book.file_problem(), HasSubstr("cannot be found"));
  EXPECT_TRUE(book.Current()->Price("", "gpt-4o", {.input = 1000}).known);
  Write("prices.json", Model("ours", "0.001"));
  ASSERT_TRUE(book.Refresh().ok());
  EXPECT_EQ(book.file_problem(), "");
  EXPECT_EQ(NanosOf(book, "ours"), 1'000'000'000);
}

}  // namespace
}  // namespace purser::usage::pricing
