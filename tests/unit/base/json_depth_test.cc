#include "base/json_depth.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace purser {
namespace {

TEST(JsonDepthTest, CountsListsAndObjectsOutsideOfStrings) {
  EXPECT_TRUE(DepthWithin("", 0));
  EXPECT_TRUE(DepthWithin("7", 0));
  EXPECT_FALSE(DepthWithin("[]", 0));
  EXPECT_TRUE(DepthWithin(R"({"a":[1]})", 2));
  EXPECT_FALSE(DepthWithin(R"({"a":[1]})", 1));
  EXPECT_TRUE(DepthWithin("[[],[],[],{}]", 2));
  EXPECT_TRUE(DepthWithin(R"(["[[[[","\"[[","\\"])", 1));
  EXPECT_FALSE(DepthWithin(R"(["\\",[]])", 1));
}

TEST(JsonDepthTest, WhatIsNoJsonIsCountedAllTheSame) {
  EXPECT_TRUE(DepthWithin("]]]][", 1));
  EXPECT_TRUE(DepthWithin("\"unended [[[[", 1));
  EXPECT_TRUE(DepthWithin("\"ends in a backslash\\", 1));
  EXPECT_FALSE(DepthWithin(std::string(5'000'000, '['), kDeepestJson));
}

// What it is for: such a value cannot be copied, written or compared without a call for each level.
TEST(JsonDepthTest, WhatIsWithinTheLimitIsSafeForRecursion) {
  const std::string deep = std::string(kDeepestJson, '[') + std::string(kDeepestJson, ']');
  ASSERT_TRUE(DepthWithin(deep));
  const auto value = nlohmann::json::parse(deep, nullptr, false);
  const auto copy = nlohmann::json(value);
  EXPECT_EQ(copy, value);
  EXPECT_EQ(copy.dump(), deep);
}

}  // namespace
}  // namespace purser
