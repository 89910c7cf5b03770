#include "api/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser::api {
namespace {

using ::testing::HasSubstr;

Result<std::string> JsonOf(const std::string& yaml) {
  const auto text = ParseYaml(yaml);
  if (!text.errors.empty()) return Error(ErrorCode::kInvalidArgument, text.errors.front().message);
  if (text.documents.size() != 1) return Error(ErrorCode::kInvalidArgument, "not one document");
  YamlPlace where;
  return ToJson(text.documents.front(), where);
}

TEST(YamlDocumentTest, ScalarsAreTypedAsKubernetesDoes) {
  struct Case {
    std::string yaml, want;
  };
  const std::vector<Case> cases = {
      {"a: 50", R"({"a":50})"},
      {"a: -0.5", R"({"a":-0.5})"},
      {"a: 1e6", R"({"a":1e6})"},
      {"a: \"50\"", R"({"a":"50"})"},
      {"a: '50'", R"({"a":"50"})"},
      {"a: true", R"({"a":true})"},
      {"a: yes", R"({"a":true})"},
      {"a: Off", R"({"a":false})"},
      {"a: 'yes'", R"({"a":"yes"})"},
      {"a:", R"({"a":null})"},
      {"a: ~", R"({"a":null})"},
      {"a: null", R"({"a":null})"},
      {"a: ''", R"({"a":""})"},
      {"a: 15s", R"({"a":"15s"})"},
      {"a: 2026-11-23", R"({"a":"2026-11-23"})"},
      {"a: 0.0.0.0:8080", R"({"a":"0.0.0.0:8080"})"},
      {"a: -x", R"({"a":"-x"})"},
      {"a: \"q\\\"\\\\\\n\\x01\"", "{\"a\":\"q\\\"\\\\\\u000a\\u0001\"}"},
      {"- a\n- {b: [c]}", R"(["a",{"b":["c"]}])"},
      {"a: |\n  x\n  y\n", "{\"a\":\"x\\u000ay\\u000a\"}"},
      {"8080: x", R"({"8080":"x"})"},
  };
  for (const auto& c : cases) {
    const auto json = JsonOf(c.yaml);
    ASSERT_TRUE(json.ok()) << c.yaml << ": " << json.error().message();
    EXPECT_EQ(*json, c.want) << c.yaml;
  }
}

TEST(YamlDocumentTest, WhatIsAmbiguousOrUnboundedIsRefused) {
  struct Case {
    std::string name, yaml, want;
  };
  std::string deep, many = "a: [";
  for (int i = 0; i < 40; ++i) deep = "[" + deep + "]";
  for (int i = 0; i < 10'001; ++i) many += "a,";
  many += "]";
  const std::vector<Case> cases = {
      {"octal", "a: 012", "may be read as a number"},
      {"hexadecimal", "a: 0x1F", "may be read as a number"},
      {"underscores", "a: 1_000", "may be read as a number"},
      {"base 60", "a: 12:30", "may be read as a number"},
      {"infinity", "a: .inf", "may be read as a number"},
      {"not a number", "a: .NaN", "may be read as a number"},
      {"plus", "a: +5", "may be read as a number"},
      {"half a number", "a: 5.", "may be read as a number"},
      {"no whole part", "a: .5", "may be read as a number"},
      {"long number", "a: 1234567890123456789012345", "may be read as a number"},
      {"exponent", "a: 1e999", "may be read as a number"},
      {"no exponent", "a: 1e", "may be read as a number"},
      {"doubled key", "a: 1\nb: 2\na: 3", "key \"a\" is given twice, first on line 1"},
      {"anchor", "a: &x 1", "anchors are not accepted"},
      {"anchored null", "a: &x\nb: 1", "anchors are not accepted"},
      {"alias cycle", "&a [*a]", "anchors are not accepted"},
      {"tag", "a: !!str 5", "tags such as"},
      {"list as key", "? [a]\n: 1", "a key has to be text"},
      {"empty key", "'': 1", "a key has to be text"},
      {"null as key", "~: 1", "a key has to be text"},
      {"deep", deep, "nested more than 32 deep"},
      {"many", many, "more than 10000 values"},
      {"large", std::string((1 << 20) + 1, ' '), "larger than 1 MiB"},
      {"not UTF-8", "a: \xff", "not UTF-8"},
      {"UTF-16 without a mark", std::string("a\0:\0 \0b\0", 8), "not UTF-8"},
      {"half a character in the parser's message", "\"\\é\"", "unknown escape character: ?"},
      {"not YAML", "a: [1", "not YAML"},
      {"tab", "a:\n\t- b", "not YAML"},
  };
  for (const auto& c : cases) {
    const auto json = JsonOf(c.yaml);
    ASSERT_FALSE(json.ok()) << c.name;
    EXPECT_THAT(json.error().message(), HasSubstr(c.want)) << c.name;
  }
}

TEST(YamlDocumentTest, PlacesAreOfTheKeyOrItsNearestParent) {
  const auto text = ParseYaml("a:\n  b:\n  - c: 1\n    d: {e: 2}\n");
  ASSERT_EQ(text.documents.size(), 1u);
  const auto& root = text.documents.front();
  struct Case {
    std::vector<PathStep> path;
    std::string want;
  };
  const std::vector<Case> cases = {
      {{}, "f:1:1"},
      {{{"a"}}, "f:1:1"},
      {{{"a"}, {"b"}}, "f:2:3"},
      {{{"a"}, {"b"}, {"", 0}}, "f:3:5"},
      {{{"a"}, {"b"}, {"", 0}, {"d"}}, "f:4:5"},
      {{{"a"}, {"b"}, {"", 0}, {"d"}, {"e"}}, "f:4:9"},
      {{{"a"}, {"b"}, {"", 0}, {"x"}}, "f:3:5"},
      {{{"a"}, {"b"}, {"", 7}}, "f:2:3"},
      {{{"a"}, {"x"}, {"y"}}, "f:1:1"},
  };
  for (const auto& c : cases) EXPECT_EQ(LocationText("f", Locate(root, c.path)), c.want);
}

TEST(YamlDocumentTest, DocumentsBeforeAnErrorAreKept) {
  const auto text = ParseYaml("---\na: 1\n---\n---\nb: 2\n---\nc: [\n");
  EXPECT_EQ(text.documents.size(), 2u);
  ASSERT_EQ(text.errors.size(), 1u);
  EXPECT_GE(text.errors.front().place.line, 7);
}

}  // namespace
}  // namespace purser::api
