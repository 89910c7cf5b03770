#include "api/spelling.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser::api {
namespace {

TEST(SpellingTest, OnlyWhatIsNearIsSuggested) {
  const std::vector<std::string_view> known = {"limit",      "unit", "window",
                                               "thresholds", "mode", "Day"};
  struct Case {
    std::string name, want;
  };
  const std::vector<Case> cases = {
      {"limti", "did you mean \"limit\"?"},  // neighbours swapped
      {"limits", "did you mean \"limit\"?"},
      {"Limit", "did you mean \"limit\"?"},
      {"treshold", "did you mean \"thresholds\"?"},
      {"day", "did you mean \"Day\"?"},
      {"dy", "did you mean \"Day\"?"},
      {"windw", "did you mean \"window\"?"},
      {"colour", ""},
      {"x", ""},
      {"", ""},
      {std::string(65, 'l'), ""},
  };
  for (const auto& c : cases) EXPECT_EQ(DidYouMean(c.name, known), c.want) << c.name;
  EXPECT_EQ(DidYouMean("limit", {}), "");
}

}  // namespace
}  // namespace purser::api
