#include "base/utf8.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

namespace purser {
namespace {

TEST(CutUtf8Test, NeverCutsACharacter) {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";  // a ä € 😀: 1 + 2 + 3 + 4 bytes
  const std::size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t limit = 0; limit < std::size(want); ++limit) {
    EXPECT_EQ(CutUtf8(text, limit).size(), want[limit]) << limit;
  }
}

TEST(CutUtf8Test, KeepsWhatFits) {
  EXPECT_EQ(CutUtf8("abc", 3), "abc");
  EXPECT_EQ(CutUtf8("abc", 2), "ab");
  EXPECT_EQ(CutUtf8("日本", 5), "日");
  EXPECT_EQ(CutUtf8("日本", 2), "");
}

}  // namespace
}  // namespace purser
