#include "plugin/output.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace purser::plugin {
namespace {

using nlohmann::json;

TEST(OutputTest, FormatsAreNamed) {
  EXPECT_EQ(*ParseFormat(""), Format::kTable);
  EXPECT_EQ(*ParseFormat("wide"), Format::kWide);
  EXPECT_EQ(ParseFormat("xml").error().message(), "--output \"xml\": want wide, json or yaml");
}

TEST(OutputTest, AListWithoutManagedFields) {
  const json items{{{"metadata", {{"name", "a"}, {"managedFields", json::array()}}}}};
  const auto list = json::parse(ListText(items, Format::kJson));
  EXPECT_EQ(list["kind"], "List");
  EXPECT_EQ(list["items"][0]["metadata"], (json{{"name", "a"}}));
}

TEST(OutputTest, YamlKeepsTextsTexts) {
  const json items{{{"spec", {{"limit", "50"}, {"on", "true"}, {"count", 3}, {"none", nullptr}}}}};
  const auto read = YAML::Load(ListText(items, Format::kYaml));
  const auto spec = read["items"][0]["spec"];
  EXPECT_EQ(spec["limit"].Tag(), "!");  // in quotes: a text
  EXPECT_EQ(spec["limit"].as<std::string>(), "50");
  EXPECT_EQ(spec["on"].Tag(), "!");
  EXPECT_EQ(spec["count"].Tag(), "?");
  EXPECT_TRUE(spec["none"].IsNull());
}

}  // namespace
}  // namespace purser::plugin
