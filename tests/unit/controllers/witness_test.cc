#include "controllers/agent_budget/witness.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace purser::controllers {
namespace {

using std::chrono::hours;

const policy::Window kDay = {*ParseRfc3339("2026-11-27T00:00:00Z"),
                             *ParseRfc3339("2026-11-28T00:00:00Z")};
const Money kTwenty = Money::FromNanos(20'000'000'000);

api::AgentBudget Budget() {
  api::AgentBudget budget;
  budget.status.window_start = "2026-11-27T00:00:00Z";
  budget.status.spent = "20";
  budget.status.ledger = "old";
  return budget;
}

TEST(WitnessTest, AnotherLedgerIsHeldToWhatTheStatusSays) {
  auto budget = Budget();
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", {}), kTwenty);
  // Once told, the status names the present ledger and keeps what the lost one knew.
  budget.status.ledger = "new";
  budget.status.spent = "20.5";
  budget.status.spent_at_least = "20";
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", {}), kTwenty);
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "newer", {}), Money::FromNanos(20'500'000'000));
}

TEST(WitnessTest, TheSameLedgerIsBelieved) {
  EXPECT_EQ(SpentAtLeast(Budget(), "", kDay, "old", kDay.start + hours(3)), std::nullopt)
      << "a reversal takes back what the status still says";
}

TEST(WitnessTest, AnotherWindowSaysNothing) {
  auto budget = Budget();
  budget.status.window_start = "2026-11-26T00:00:00Z";
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", {}), std::nullopt);
  budget.status.window_start = "";
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", {}), std::nullopt);
}

TEST(WitnessTest, AStatusThatNamesNoLedgerCountsWhereReadingBeganInItsWindow) {
  auto budget = Budget();
  budget.status.ledger = "";
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", kDay.start + hours(3)), kTwenty);
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", kDay.start - hours(3)), std::nullopt);
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", std::nullopt), std::nullopt);
}

TEST(WitnessTest, WhatCannotBeReadIsNoWitness) {
  auto budget = Budget();
  budget.status.spent = "much";
  EXPECT_EQ(SpentAtLeast(budget, "", kDay, "new", {}), std::nullopt);
}

TEST(WitnessTest, ARollingWindowIsHeldUntilTheNewLedgerKnowsAllOfIt) {
  auto budget = Budget();
  budget.spec.window.type = api::WindowType::kRolling;
  budget.spec.window.length = hours(24);
  budget.status.window_start = "";
  budget.status.window_length = "24h";
  const auto lost = kDay.start + hours(12);
  const policy::Window then{lost - hours(24), lost};
  EXPECT_EQ(SpentAtLeast(budget, "", then, "new", lost), kTwenty);
  EXPECT_EQ(SpentAtLeast(budget, "", then, "new", {}), kTwenty) << "not known yet since when";
  EXPECT_EQ(SpentAtLeast(budget, "", then, "old", lost), std::nullopt) << "it was not lost";
  budget.status.ledger = "new";  // as it is told from then on
  budget.status.spent_at_least = "20";
  budget.status.spent = "3";
  EXPECT_EQ(SpentAtLeast(budget, "", {lost - hours(1), lost}, "new", lost), kTwenty);
  EXPECT_EQ(SpentAtLeast(budget, "", {lost, lost + hours(24)}, "new", lost), std::nullopt);
  budget.spec.window.length = hours(5);
  EXPECT_EQ(SpentAtLeast(budget, "", then, "new", lost), std::nullopt) << "of another window";
}

}  // namespace
}  // namespace purser::controllers
