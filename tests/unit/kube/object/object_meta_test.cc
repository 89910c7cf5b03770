#include "kube/object/object_meta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

#include "kube/object/decode_object_meta.h"

namespace purser::kube {
namespace {

TEST(ObjectMetaTest, IsReadWithTheAnnotationsAskedFor) {
  simdjson::dom::parser parser;
  const std::string json =
      R"({"metadata":{"name":"x","namespace":"n","uid":"u-1","resourceVersion":"42",
    "generation":9007199254740993,"deletionTimestamp":"2026-11-23T00:00:00Z","finalizers":["purser.dev/restore"],
    "annotations":{"purser.dev/saved":"{}","kubectl.kubernetes.io/last-applied-configuration":"long"},
    "labels":{"a":"b"},"managedFields":[{}]}})";
  const auto meta = DecodeObjectMeta(parser.parse(json).value(), "purser.dev/");
  ASSERT_TRUE(meta.ok());
  ObjectMeta want;
  want.ns = "n";
  want.name = "x";
  want.uid = "u-1";
  want.resource_version = "42";
  want.generation = 9007199254740993;
  want.deleting = true;
  want.finalizers = {"purser.dev/restore"};
  want.annotations = {{"purser.dev/saved", "{}"}};
  EXPECT_EQ(*meta, want);
}

TEST(ObjectMetaTest, OnlyTheStartOfALongValueIsShown) {
  simdjson::dom::parser parser;
  const std::string json =
      R"({"metadata":{"name":"x","generation":")" + std::string(5000, 'g') + "\"}}";
  const auto meta = DecodeObjectMeta(parser.parse(json).value(), "");
  ASSERT_FALSE(meta.ok());
  EXPECT_THAT(meta.error().message(), ::testing::HasSubstr("ggg... is not a whole number"));
  EXPECT_LT(meta.error().message().size(), 200U);
}

}  // namespace
}  // namespace purser::kube
