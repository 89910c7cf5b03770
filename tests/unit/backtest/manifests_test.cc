#include "backtest/manifests.h"

#include <gtest/gtest.h>

namespace purser::backtest {
namespace {

std::string ProblemOf(std::string_view yaml) {
  Manifests manifests;
  const auto added = AddManifests(yaml, "m.yaml", manifests);
  return added ? "" : added.error().message();
}

TEST(ManifestsTest, DefaultsAreThoseOfTheApi) {
  Manifests manifests;
  const auto added = AddManifests(
      "apiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: b}\n"
      "spec: {limit: \"5\", scope: {pools: [p]}}\n",
      "m", manifests);
  ASSERT_TRUE(added) << added.error().message();
  const auto& budget = manifests.budgets.front();
  EXPECT_EQ(budget.meta.ns, "default");
  EXPECT_EQ(budget.spec.limit, Quantity::Of(5'000'000'000));
  EXPECT_EQ(budget.spec.burn_rates.size(), 1U);
}

TEST(ManifestsTest, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_EQ(ProblemOf("kind: Deployment\nmetadata: {name: x}\n"),
            "m.yaml:1: kind: want AgentBudget or AgentPool");
  EXPECT_NE(ProblemOf("a: [").find("m.yaml:1: "), std::string::npos);
  EXPECT_NE(
      ProblemOf("\n\napiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: b}\n"
                "spec: {limit: \"five\", scope: {pools: [p]}}\n")
          .find("spec.limit"),
      std::string::npos);
}

}  // namespace
}  // namespace purser::backtest
