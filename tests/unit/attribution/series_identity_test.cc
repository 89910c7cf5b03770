#include "usage/attribution/series_identity.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser::usage::attribution {
namespace {

SourceRules Rules(const std::string& agent_label = "agent") {
  api::SourceConfig config;
  config.name = "s";
  config.prometheus.metric = "cost_total";
  config.prometheus.labels.agent = api::LabelRule{{agent_label}, "", ""};
  return RulesOf(config);
}

Identified Of(std::vector<Label> labels, const SourceRules& rules) {
  return SeriesIdentifier(rules).Identify(labels);
}

TEST(SeriesIdentityTest, AClientIsTheSameUnderAnotherPod) {
  const auto rules = Rules();
  const auto one = Of({{"agent", "a"}, {"exported_instance", "s1"}, {"pod", "x"}}, rules);
  const auto moved = Of({{"agent", "a"}, {"exported_instance", "s1"}, {"pod", "y"}}, rules);
  const auto other = Of({{"agent", "a"}, {"exported_instance", "s2"}, {"pod", "y"}}, rules);
  EXPECT_NE(one.client, 0u);
  EXPECT_EQ(moved.client, one.client);
  EXPECT_NE(moved.identity, one.identity);
  EXPECT_NE(other.client, one.client);
  // Nothing but who spends and where: a pod's own counter.
  EXPECT_EQ(
      Of({{"__name__", "cost_total"}, {"agent", "a"}, {"job", "j"}, {"pod", "x"}}, rules).client,
      0u);
}

TEST(SeriesIdentityTest, WhatScrapingAddedIsNoPartOfIt) {
  const auto rules = Rules();
  const auto plain = Of({{"agent", "a"}, {"instance", "i"}}, rules);
  EXPECT_EQ(plain.identity, plain.raw);
  EXPECT_FALSE(plain.aggregated);
  for (const char* added : {"job", "service", "endpoint", "prometheus", "prometheus_replica",
                            "replica", "__replica__"}) {
    const auto other = Of({{"agent", "a"}, {"instance", "i"}, {added, "x"}}, rules);
    EXPECT_EQ(other.identity, plain.identity) << added;
    EXPECT_NE(other.raw, plain.raw) << added;
  }
  for (const char* own : {"container", "session_id", "pod", "exported_job"}) {
    EXPECT_NE(Of({{"agent", "a"}, {"instance", "i"}, {own, "x"}}, rules).identity, plain.identity)
        << own;
  }
  EXPECT_NE(Of({{"agent", "b"}, {"instance", "i"}}, rules).identity, plain.identity);
  EXPECT_NE(Of({{"agent", "a"}, {"instance", "j"}}, rules).identity, plain.identity);
}

TEST(SeriesIdentityTest, AnAggregatedSeriesKeepsWhatMayTellItFromAnother) {
  const auto rules = Rules();
  const auto plain = Of({{"agent", "a"}}, rules);
  EXPECT_TRUE(plain.aggregated);
  for (const char* kept : {"job", "service", "endpoint"})
    EXPECT_NE(Of({{"agent", "a"}, {kept, "x"}}, rules).identity, plain.identity) << kept;
  for (const char* copy : {"prometheus", "prometheus_replica", "replica", "__replica__"})
    EXPECT_EQ(Of({{"agent", "a"}, {copy, "x"}}, rules).identity, plain.identity) << copy;
  EXPECT_FALSE(Of({{"agent", "a"}, {"pod", "p"}}, rules).aggregated);
}

TEST(SeriesIdentityTest, ALabelThatARuleReadsIsAlwaysPartOfIt) {
  const auto rules = Rules("service");
  const auto a = Of({{"instance", "i"}, {"service", "a"}}, rules);
  const auto b = Of({{"instance", "i"}, {"service", "b"}}, rules);
  EXPECT_NE(a.identity, b.identity);
}

TEST(SeriesIdentityTest, TellsListsOfLabelsApart) {
  const auto rules = Rules();
  auto other_source = Rules();
  other_source.source = "t";
  const auto id = Of({{"a", "1"}, {"b", "2"}}, rules).identity;
  EXPECT_EQ(id, Of({{"a", "1"}, {"b", "2"}}, rules).identity);
  EXPECT_NE(id, Of({{"a", "1"}, {"b", "2"}}, other_source).identity);
  EXPECT_NE(id, Of({{"a", "1"}}, rules).identity);
  EXPECT_NE(id, Of({{"a", "1b"}, {"", "2"}}, rules).identity);
}

TEST(SeriesIdentityTest, IsThatOfTheLedgersBefore) {
  // Of a series without labels of scraping: cursors of an older ledger are found again.
  const auto rules = Rules();
  SeriesIdentifier identifier(rules);
  const std::vector<Label> labels = {{"__name__", "cost_total"}, {"agent", "a"}, {"pod", "p"}};
  EXPECT_EQ(identifier.Raw(labels), identifier.Identify(labels).identity);
}

}  // namespace
}  // namespace purser::usage::attribution
