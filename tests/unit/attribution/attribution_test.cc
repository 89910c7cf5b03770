#include "usage/attribution/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "usage/attribution/nearest_names.h"
#include "usage/attribution/source_rules.h"

namespace purser::usage::attribution {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

api::SourceConfig Config() {
  api::SourceConfig config;
  config.name = "default";
  config.prometheus.metric = "cost_total";
  return config;
}

TEST(AttributionTest, TheFirstLabelWithAValueCounts) {
  auto config = Config();
  config.prometheus.labels.ns = api::LabelRule{{"team_alias", "namespace"}, "", ""};
  config.prometheus.labels.agent = api::LabelRule{{"alias", "user"}, "svc-(.*)", "somebody"};
  const auto rules = RulesOf(config);
  struct Case {
    std::vector<Label> labels;
    std::string ns, agent;
  };
  const std::vector<Case> cases = {
      {{{"alias", "svc-a"}, {"namespace", "gw"}, {"team_alias", "agents"}}, "agents", "a"},
      {{{"alias", "None"}, {"namespace", "gw"}, {"team_alias", "None"}, {"user", "svc-b"}},
       "gw",
       "b"},
      {{{"alias", "a"}, {"namespace", "unknown"}, {"team_alias", "null"}}, "", "somebody"},
      {{{"alias", "svc-None"}}, "", "somebody"},
      {{{"alias", "x-svc-a"}, {"user", "svc-c"}}, "", "c"},
      {{{"alias", "none"}, {"team_alias", "NULL"}}, "NULL", "somebody"},
  };
  for (const auto& c : cases) {
    const auto attribution = Attribute(rules, c.labels);
    EXPECT_EQ(attribution.key.ns, c.ns) << c.labels[0].value;
    EXPECT_EQ(attribution.key.agent, c.agent) << c.labels[0].value;
    EXPECT_EQ(attribution.unattributed, c.ns.empty()) << c.labels[0].value;
  }
}

TEST(AttributionTest, LongNamesAreNobodysAndLongTextsAreCut) {
  const auto rules = RulesOf(Config());
  const std::string longer(ledger::kLongestName + 1, 'x');
  const std::vector<Label> labels = {{"agent", longer}, {"model", longer}, {"namespace", "a"}};
  const auto attribution = Attribute(rules, labels);
  EXPECT_EQ(attribution.key.agent, "");
  EXPECT_EQ(attribution.key.model.size(), ledger::kLongestName);
  EXPECT_TRUE(attribution.unattributed);
  EXPECT_TRUE(attribution.shortened);
}

TEST(AttributionTest, WhatIsWrittenReplacesThePresets) {
  auto config = Config();
  config.prometheus.preset = api::Preset::kLiteLlm;
  config.prometheus.metric.clear();
  config.prometheus.labels.ns = api::LabelRule{{}, "", "agents"};
  config.prometheus.labels.task = api::LabelRule{{"tag_task"}, "", ""};
  const auto rules = RulesOf(config);
  const std::vector<Label> labels = {{"__name__", "litellm_spend_metric_total"},
                                     {"api_key_alias", "researcher"},
                                     {"tag_task", "t"}};
  const auto attribution = Attribute(rules, labels);
  EXPECT_EQ(attribution.key.ns, "agents");
  EXPECT_EQ(attribution.key.agent, "researcher");
  EXPECT_EQ(attribution.key.task, "t");
  EXPECT_FALSE(attribution.unattributed);
}

TEST(AttributionTest, TokensOfAMeterOfOnesOwn) {
  auto config = Config();
  config.prometheus.metric.clear();
  config.prometheus.tokens = api::TokenMetrics{
      .input = "in", .output = "out", .cached = {}, .reasoning = {}, .metric = {}};
  auto rules = RulesOf(config);
  EXPECT_TRUE(rules.priced);
  const auto quantity_of = [&](const char* name) {
    const std::vector<Label> labels = {{"__name__", name}, {"type", "total_tokens"}};
    return Attribute(rules, labels).quantity;
  };
  EXPECT_EQ(quantity_of("in"), Quantity::kInputTokens);
  EXPECT_EQ(quantity_of("out"), Quantity::kOutputTokens);
  config.prometheus.metric = "cost_total";
  rules = RulesOf(config);
  EXPECT_FALSE(rules.priced);
  EXPECT_EQ(quantity_of("cost_total"), Quantity::kCost);
}

TEST(SelectorTest, IsOneQueryWithEveryMatcher) {
  auto config = Config();
  EXPECT_EQ(Selector(RulesOf(config)), "cost_total");
  config.prometheus.match = {{"cluster", "p\"r\\od"}, {"zone", "a"}};
  EXPECT_EQ(Selector(RulesOf(config)), R"(cost_total{cluster="p\"r\\od",zone="a"})");
  config.prometheus.metric = "cost_total{team=\"x\", }";
  EXPECT_EQ(Selector(RulesOf(config)), R"(cost_total{team="x",cluster="p\"r\\od",zone="a"})");
  config.prometheus.metric = "{__name__=~\"a.*\"}";
  EXPECT_EQ(Selector(RulesOf(config)), R"({__name__=~"a.*",cluster="p\"r\\od",zone="a"})");
  config.prometheus.metric.clear();
  config.prometheus.metrics = {"cost_total", "tools_total"};
  config.prometheus.match = {{"cluster", "prod"}};
  EXPECT_EQ(Selector(RulesOf(config)), R"({__name__=~"cost_total|tools_total",cluster="prod"})");
  EXPECT_EQ(AuxiliarySelector(RulesOf(config)), std::nullopt);
  config.prometheus.preset = api::Preset::kClaudeCode;
  EXPECT_EQ(AuxiliarySelector(RulesOf(config)), R"(target_info{cluster="prod"})");
}

TEST(NearestNamesTest, AreWhatSomebodyMayHaveMeant) {
  const std::vector<std::string> names = {"researcher", "research-agent", "writer", "re"};
  EXPECT_THAT(NearestNames("Researcher", names), ElementsAre("researcher"));
  EXPECT_THAT(NearestNames("resercher", names), ElementsAre("researcher"));
  EXPECT_THAT(NearestNames("research_agent", names), ElementsAre("research-agent"));
  EXPECT_THAT(NearestNames("research", names), ElementsAre("researcher", "research-agent"));
  EXPECT_THAT(NearestNames("research", names, 1), ElementsAre("researcher"));
  EXPECT_THAT(NearestNames("team-a/writer", names), ElementsAre("writer"));
  EXPECT_THAT(NearestNames("accountant", names), IsEmpty());
  EXPECT_THAT(NearestNames("", names), IsEmpty());
  EXPECT_THAT(NearestNames(std::string(129, 'r'), names), IsEmpty());
}

}  // namespace
}  // namespace purser::usage::attribution
