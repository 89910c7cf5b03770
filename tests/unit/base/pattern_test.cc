#include "base/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace purser {
namespace {

using ::testing::HasSubstr;

TEST(PatternTest, MatchesTheWholeOrAPart) {
  const auto pattern = Pattern::Compile("svc-[a-z]+").value();
  EXPECT_TRUE(pattern.Matches("svc-a"));
  EXPECT_FALSE(pattern.Matches("svc-a1"));
  EXPECT_TRUE(pattern.IsIn("a svc-a1"));
  EXPECT_FALSE(pattern.IsIn("svc"));
}

TEST(PatternTest, ExtractsTheFirstGroupOrEverything) {
  EXPECT_EQ(Pattern::Compile("svc-(.*)-(.*)").value().Extract("svc-a-b"), "a");
  EXPECT_EQ(Pattern::Compile("svc-.*").value().Extract("svc-a"), "svc-a");
  EXPECT_EQ(Pattern::Compile("svc-(.*)").value().Extract("a"), std::nullopt);
  EXPECT_EQ(Pattern::Compile("svc-(x)?").value().Extract("svc-"), "");
}

TEST(PatternTest, RefusesWhatIsNoneOrTooLarge) {
  for (const char* text : {"(", "*", "(?=a)", "\\1", "\xff", "((((a{99}){99}){99}){99})"}) {
    const auto pattern = Pattern::Compile(text);
    ASSERT_FALSE(pattern.ok()) << text;
    EXPECT_THAT(pattern.error().message(), HasSubstr("not a regular expression")) << text;
  }
  EXPECT_FALSE(Pattern::Compile(std::string(257, 'a')).ok());
}

TEST(PatternTest, TakesTimeLinearToTheText) {
  const auto pattern = Pattern::Compile("(a*)*(a*)*(a*)*b").value();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(pattern.Matches(std::string(100'000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace purser
