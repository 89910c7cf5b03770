#include "policy/measure.h"

#include <gtest/gtest.h>

namespace purser::policy {
namespace {

Amounts Cost(std::int64_t cost, std::int64_t estimated) {
  return {.cost = Money::FromNanos(cost), .estimated = Money::FromNanos(estimated)};
}

std::int64_t Measured(const Amounts& amounts, api::OnUnpriced on_unpriced, Unit unit = Unit::kUsd) {
  api::AgentBudgetSpec spec;
  spec.unit = unit;
  spec.on_unpriced = on_unpriced;
  return MeasureOf(amounts, spec).count();
}

TEST(MeasureTest, LeavesTheEstimateOutOnlyWhereItIsIgnored) {
  EXPECT_EQ(Measured(Cost(30, 20), api::OnUnpriced::kEstimate), 30);
  EXPECT_EQ(Measured(Cost(30, 20), api::OnUnpriced::kStop), 30);
  EXPECT_EQ(Measured(Cost(30, 20), api::OnUnpriced::kIgnore), 10);
}

TEST(MeasureTest, IsNeverMoreThanTheCostNorBelowNothingForAnEstimate) {
  EXPECT_EQ(Measured(Cost(10, 20), api::OnUnpriced::kIgnore), 0);
  EXPECT_EQ(Measured(Cost(10, -20), api::OnUnpriced::kIgnore), 10);
  EXPECT_EQ(Measured(Cost(-10, 20), api::OnUnpriced::kIgnore), -10);
}

TEST(MeasureTest, CountsEveryCallAndTokenWhateverTheyCost) {
  const Amounts amounts{.cost = Money::FromNanos(5),
                        .calls = 3,
                        .input_tokens = 7,
                        .output_tokens = 1,
                        .estimated = Money::FromNanos(5)};
  EXPECT_EQ(Measured(amounts, api::OnUnpriced::kIgnore, Unit::kRequests), 3);
  EXPECT_EQ(Measured(amounts, api::OnUnpriced::kIgnore, Unit::kTokens), 8);
}

}  // namespace
}  // namespace purser::policy
