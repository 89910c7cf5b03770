// Manifests and calls for the tests of replays.
#pragma once

#include <string>
#include <vector>

#include "backtest/manifests.h"
#include "backtest/usage_file.h"
#include "base/time_text.h"

namespace purser::backtest {

inline const Timestamp kNoon = *ParseRfc3339("2026-01-05T12:00:00Z");

// A pool "p" of agents a and b, and a budget "b" of this spec.
inline Manifests Under(const std::string& spec) {
  Manifests manifests;
  const auto added = AddManifests(
      "apiVersion: purser.dev/v1alpha1\nkind: AgentPool\nmetadata: {name: p}\n"
      "spec:\n  maxConcurrency: 20\n  agents:\n"
      "  - {name: a, workloadRef: {kind: Deployment, name: a}}\n"
      "  - {name: b, workloadRef: {kind: Deployment, name: b}}\n"
      "---\napiVersion: purser.dev/v1alpha1\nkind: AgentBudget\nmetadata: {name: b}\nspec: {" +
          spec + "}\n",
      "test", manifests);
  if (!added) manifests.budgets.clear();
  return manifests;
}

inline Call CallOf(const std::string& agent, Duration after, std::int64_t cents) {
  Call call;
  call.at = kNoon + after;
  call.key = {"default", "default", agent, "m", "", ""};
  call.amounts.cost = Money::FromNanos(cents * 10'000'000);
  call.amounts.calls = 1;
  return call;
}

// `count` calls of one dollar by `agent`, a minute apart.
inline std::vector<Call> DollarAMinute(const std::string& agent, int count) {
  std::vector<Call> calls;
  for (int i = 0; i < count; ++i) calls.push_back(CallOf(agent, std::chrono::minutes(i), 100));
  return calls;
}

}  // namespace purser::backtest
