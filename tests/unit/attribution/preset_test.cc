// What each preset makes of a recorded exposition of its meter: who spent what, and what is left
// alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "unit/attribution/exposition.h"
#include "usage/attribution/attribution.h"
#include "usage/attribution/series_identity.h"
#include "usage/attribution/source_rules.h"

namespace purser::usage::attribution {
namespace {

using ::testing::ElementsAreArray;

struct Case {
  std::string name;  // of the exposition
  api::Preset preset;
  bool priced;
  std::vector<std::string> want;  // of each series that is read, in the order of the file
};

std::string NameOf(Quantity quantity) {
  switch (quantity) {
    case Quantity::kCost:
      return "cost";
    case Quantity::kInputTokens:
      return "input";
    case Quantity::kOutputTokens:
      return "output";
    case Quantity::kCachedTokens:
      return "cached";
    case Quantity::kCacheCreationTokens:
      return "creation";
    case Quantity::kReasoningTokens:
      return "reasoning";
    default:
      return "?";
  }
}

std::string Text(const Attribution& attribution) {
  const auto& key = attribution.key;
  std::string text = key.ns + "/" + key.agent + " " + attribution.provider + ":" + key.model + " " +
                     NameOf(attribution.quantity);
  if (!key.task.empty() || !key.workflow.empty()) text += " " + key.task + "," + key.workflow;
  if (attribution.unattributed) text += " nobody";
  if (attribution.left_out) text += " left-out";
  if (attribution.unknown_token_type) text += " unknown-type";
  if (attribution.exported_namespace) text += " exported-namespace";
  return text;
}

SourceRules Rules(api::Preset preset) {
  api::SourceConfig config;
  config.name = "default";
  config.prometheus.preset = preset;
  return RulesOf(config);
}

const std::vector<Case>& Cases() {
  using api::Preset;
  static const std::vector<Case> cases = {
      {"plain",
       Preset::kPlain,
       false,
       {"agents/researcher :gpt-5 cost summarize,nightly", "agents/ :gpt-5 cost nobody",
        "monitoring/writer : cost exported-namespace"}},
      {"litellm",
       Preset::kLiteLlm,
       false,
       {"agents/researcher openai:gpt-5 cost",
        "agents/writer bedrock:global.anthropic.claude-opus-4-6-v1 cost",
        "llm-gateway/ gemini:gemini-2.5-flash-lite cost nobody"}},
      {"agentgateway",
       Preset::kAgentgateway,
       false,
       {"agents/researcher openai:gpt-4o-2024-08-06 cost",
        "/ gcp.gemini:gemini-2.5-flash-lite cost nobody"}},
      {"envoy-ai-gateway",
       Preset::kEnvoyAiGateway,
       true,
       {"agents/researcher openai:gpt-5-2025-08-07 input",
        "agents/researcher openai:gpt-5-2025-08-07 cached",
        "agents/researcher openai:gpt-5-2025-08-07 creation",
        "agents/researcher openai:gpt-5-2025-08-07 output",
        "agents/researcher openai:gpt-5-2025-08-07 reasoning",
        "agents/researcher openai:gpt-5-2025-08-07 input left-out",
        "agents/researcher openai:gpt-5-2025-08-07 cost left-out unknown-type",
        "envoy-gateway-system/ aws.bedrock:global.anthropic.claude-opus-4-6-v1 input nobody"}},
      {"kong",
       Preset::kKong,
       false,
       {"agents/researcher openai:gpt-4o cost", "agents/ anthropic:claude-sonnet-4-5 cost nobody",
        "agents/writer mistral:mistral-large-latest cost"}},
      {"bifrost",
       Preset::kBifrost,
       false,
       {"agents/researcher openai:gpt-5-mini cost", "agents/writer anthropic:claude-haiku-4-5 cost",
        "bifrost/ openai:gpt-5 cost nobody"}},
      {"claude-code",
       Preset::kClaudeCode,
       false,
       {"agents/researcher :claude-opus-5[1m] cost", "agents/researcher :claude-haiku-4-5 cost",
        "agents/writer :claude-haiku-4-5 cost", "agents/ :claude-haiku-4-5 cost nobody"}},
      {"otel-genai",
       Preset::kOtelGenAi,
       true,
       {"agents/researcher openai:gpt-5 input", "agents/researcher openai:gpt-5 output",
        "agents/researcher openai:gpt-5 input", "agents/researcher openai:gpt-5 cached",
        "agents/researcher openai:gpt-5 creation", "agents/researcher openai:gpt-5 output",
        "agents/researcher openai:gpt-5 reasoning",
        "agents/writer anthropic:claude-opus-4-6 input"}},
      {"kelos",
       Preset::kKelos,
       false,
       {"agents/researcher :opus cost", "agents/writer :gpt-5 cost", "agents/ :gpt-5 cost nobody"}},
  };
  return cases;
}

TEST(PresetTest, EveryMeterIsReadAsItReallyLooks) {
  std::set<api::Preset> seen;
  for (const auto& c : Cases()) {
    seen.insert(c.preset);
    const auto rules = Rules(c.preset);
    const auto exposition = ReadExposition(c.name);
    TargetTable targets;
    if (const auto auxiliary = AuxiliarySelector(rules)) {
      for (const auto& series : exposition) {
        if (Selects(*auxiliary, series)) targets.Add(series.Views());
      }
      EXPECT_GT(targets.size(), 0U) << c.name;
    }
    std::vector<std::string> got;
    for (const auto& series : exposition) {
      if (!Selects(Selector(rules), series)) continue;
      got.push_back(Text(Attribute(rules, series.Views(), &targets)));
    }
    EXPECT_THAT(got, ElementsAreArray(c.want)) << c.name;
    EXPECT_EQ(rules.priced, c.priced) << c.name;
  }
  EXPECT_EQ(seen.size(), 9U) << "a preset has no exposition";
}

TEST(PresetTest, BothGenerationsOfTheConventionsAreOneCounter) {
  const auto rules = Rules(api::Preset::kOtelGenAi);
  SeriesIdentifier identifier(rules);
  std::set<ledger::SeriesId> identities, raw;
  for (const auto& series : ReadExposition("otel-genai")) {
    if (!Selects(Selector(rules), series)) continue;
    const auto identified = identifier.Identify(series.Views());
    identities.insert(identified.identity);
    raw.insert(identified.raw);
  }
  EXPECT_EQ(raw.size(), 8U);
  // input and output of the first seven are told twice.
  EXPECT_EQ(identities.size(), 6U);
}

TEST(PresetTest, AMetricThatChangedItsNameIsTheSameCounter) {
  const auto rules = Rules(api::Preset::kClaudeCode);
  SeriesIdentifier identifier(rules);
  const auto of = [&](const char* name, const char* session) {
    const std::vector<Label> labels = {
        {"__name__", name}, {"instance", "a"}, {"session_id", session}};
    return identifier.Identify(labels).identity;
  };
  EXPECT_EQ(of("claude_code_cost_usage_USD_total", "1"), of("claude_code_cost_usage", "1"));
  EXPECT_NE(of("claude_code_cost_usage_USD_total", "1"), of("claude_code_cost_usage", "2"));
}

}  // namespace
}  // namespace purser::usage::attribution
