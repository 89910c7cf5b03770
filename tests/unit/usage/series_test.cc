#include "usage/prometheus/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "usage/prometheus/problem.h"

namespace purser::usage {
namespace {

using ::testing::HasSubstr;

api::SourceConfig Source() {
  api::SourceConfig source;
  source.name = "default";
  source.prometheus.labels.workflow = api::LabelRule{.from = {"flow"}, .regex = {}, .fallback = {}};
  return source;
}

SeriesId Identify(const std::string& source, std::vector<Label> labels) {
  SeriesIdentifier identifier(source);
  return identifier.Identify(labels);
}

TEST(SeriesIdentifier, TellsSeriesApart) {
  const auto id = Identify("s", {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(id, Identify("s", {{"a", "1"}, {"b", "2"}}));
  for (const auto& other :
       {Identify("t", {{"a", "1"}, {"b", "2"}}), Identify("s", {{"a", "1"}}),
        Identify("s", {{"a", "1b"}, {"", "2"}}), Identify("s", {{"a", "1"}, {"b", "3"}}),
        Identify("s", {{"ab", "12"}}), Identify("s", {}), Identify("sa", {{"1", "b"}})}) {
    EXPECT_NE(id.low, other.low);
    EXPECT_NE(id.high, other.high);
  }
  // The hash is stored: it must not change from one version to the next.
  EXPECT_EQ(id, (SeriesId{0x5b7dcf14837c6f32, 0xec1fced276048d05}));
}

TEST(SeriesIdentifier, KeepsItsSourceFromOneSeriesToTheNext) {
  SeriesIdentifier identifier("s");
  const std::vector<Label> labels = {{"a", "1"}};
  const auto first = identifier.Identify(labels);
  (void)identifier.Identify({});
  EXPECT_EQ(identifier.Identify(labels), first);
}

TEST(Attribute, TakesTheConfiguredLabels) {
  const std::vector<Label> labels = {
      {"agent", "a"}, {"flow", "f"}, {"model", "m"}, {"namespace", "n"}, {"task", "t"}};
  const auto attribution = Attribute(Source(), labels);
  EXPECT_EQ(attribution.key, (ledger::SpendKey{"default", "n", "a", "m", "t", "f"}));
  EXPECT_FALSE(attribution.unattributed);
  EXPECT_FALSE(attribution.shortened);
}

TEST(Attribute, MissingLabelsAreEmptyAndSaidSo) {
  const auto none = Attribute(Source(), {});
  EXPECT_EQ(none.key, (ledger::SpendKey{"default", "", "", "", "", ""}));
  EXPECT_TRUE(none.unattributed);
  const std::vector<Label> no_agent = {{"namespace", "n"}};
  EXPECT_TRUE(Attribute(Source(), no_agent).unattributed);
}

TEST(Attribute, LongLabelsLoseNoMoney) {
  const std::string longest(256, 'x');
  const std::string longer(257, 'x');
  const std::string accents = std::string(255, 'x') + "\xc3\xa9";
  const std::vector<Label> fits = {{"agent", longest}, {"namespace", longest}, {"task", longest}};
  EXPECT_FALSE(Attribute(Source(), fits).shortened);
  const std::vector<Label> cut = {
      {"agent", longer}, {"flow", accents}, {"model", longer}, {"namespace", "n"}};
  const auto attribution = Attribute(Source(), cut);
  EXPECT_TRUE(attribution.shortened);
  EXPECT_TRUE(attribution.unattributed);
  EXPECT_EQ(attribution.key,
            (ledger::SpendKey{"default", "n", "", longest, "", std::string(255, 'x')}));
}

TEST(Describe, IsPrintableAndBounded) {
  const std::vector<Label> labels = {{"__name__", "cost"}, {"agent", "a"}, {"b", "\x01\xff"}};
  EXPECT_EQ(Describe(labels), "cost{agent=\"a\",b=\"??\"}");
  const std::string large(100'000, 'x');
  const std::vector<Label> many(100, Label{"l", large});
  EXPECT_LT(Describe(many).size(), 210u);
  EXPECT_EQ(Describe({}), "{}");
}

}  // namespace
}  // namespace purser::usage
