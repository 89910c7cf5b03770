#include "base/join.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace purser {
namespace {

TEST(JoinTest, PutsTheSeparatorBetween) {
  EXPECT_EQ(Join(std::vector<std::string>{}), "");
  EXPECT_EQ(Join(std::vector<std::string>{"one"}), "one");
  EXPECT_EQ(Join(std::vector<std::string_view>{"one", "", "three"}), "one, , three");
  EXPECT_EQ(Join(std::set<std::string>{"b", "a"}, "/"), "a/b");
}

}  // namespace
}  // namespace purser
