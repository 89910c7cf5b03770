#include "backtest/suggestion.h"

#include <gtest/gtest.h>

#include "unit/backtest/days.h"

namespace purser::backtest {
namespace {

constexpr Duration kPoll = std::chrono::seconds(15);
constexpr const char* kSpec = "limit: \"10\", burnRates: [], scope: {pools: [p]}";

TEST(SuggestionTest, LimitsSideBySide) {
  const auto tried = TryLimits(Under(kSpec), DollarAMinute("a", 100), kPoll,
                               {Quantity::Of(20'000'000'000), Quantity::Of(200'000'000'000)});
  ASSERT_TRUE(tried) << tried.error().message();
  EXPECT_EQ((*tried)[0].stops, 1);
  EXPECT_EQ((*tried)[0].outcome.spent.calls, 20);
  EXPECT_EQ((*tried)[1].stops, 0);
  EXPECT_EQ(RefusedPercent((*tried)[1].outcome), 0);
}

TEST(SuggestionTest, TheLeastThatRefusesNothingThrottlesNothing) {
  const auto tried = SuggestLimit(Under(kSpec), DollarAMinute("a", 100), kPoll, 0);
  ASSERT_TRUE(tried) << tried.error().message();
  EXPECT_EQ(RefusedPercent(tried->outcome), 0);
  EXPECT_GE(tried->limit, Quantity::Of(100'000'000'000));
  EXPECT_LE(tried->limit, Quantity::Of(130'000'000'000));
}

TEST(SuggestionTest, SomeMayBeRefused) {
  const auto tried = SuggestLimit(Under(kSpec), DollarAMinute("a", 100), kPoll, 50);
  ASSERT_TRUE(tried) << tried.error().message();
  EXPECT_LE(RefusedPercent(tried->outcome), 50);
  EXPECT_LT(tried->limit, Quantity::Of(70'000'000'000));
}

TEST(SuggestionTest, OfOneBudget) {
  auto manifests = Under(kSpec);
  manifests.budgets.push_back(manifests.budgets.front());
  EXPECT_FALSE(SuggestLimit(manifests, DollarAMinute("a", 1), kPoll, 0));
}

}  // namespace
}  // namespace purser::backtest
