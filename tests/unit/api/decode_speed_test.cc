#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "api/codec.h"
#include "unit/api/decode_json.h"

namespace purser::api {
namespace {

// A list answer of 10,000 budgets of about 2 KB, as the API server sends it.
std::string Item() {
  AgentBudget budget;
  budget.meta.name = "research-daily";
  budget.meta.ns = "agents";
  budget.spec.limit = Money::FromNanos(50'000'000'000);
  budget.spec.scope.pools = {"research"};
  budget.spec.thresholds = {{80, Action::kThrottle}, {100, Action::kStop}};
  for (int i = 0; i < 7; ++i) {
    budget.status.conditions.push_back(
        {"Condition" + std::to_string(i), "True", "Evaluated",
         "spent $41.24 of $50 (82 %) since 2026-11-23T00:00-05:00; resets in 9h12m",
         "2026-11-23T05:00:00Z", 3});
  }
  return EncodeAgentBudget(budget);
}

TEST(DecodeSpeedTest, TenThousandObjectsTakeFarLessThanASecond) {
  const auto item = Item();
  ASSERT_GT(item.size(), 1'800u);
  simdjson::dom::parser parser;
  const auto element = parser.parse(item).value();
  const auto begin = std::chrono::steady_clock::now();
  std::size_t decoded = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto budget = DecodeAgentBudget(element);
    if (budget && !budget->invalid && budget->status.conditions.size() == 7) ++decoded;
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(decoded, 10'000u);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  RecordProperty("milliseconds", static_cast<int>(milliseconds));
  // Generous, for sanitizers and busy machines: what is guarded against is another order of
  // magnitude.
  EXPECT_LT(milliseconds, 1'000);
}

}  // namespace
}  // namespace purser::api
