#include "controllers/agent_budget/witness.h"

#include <algorithm>

#include "base/time_text.h"

namespace purser::controllers {
namespace {

Money AmountOf(const std::string& text) {
  const auto amount = Money::ParseSample(text);
  return amount ? *amount : Money();
}

}  // namespace

std::optional<Money> SpentAtLeast(const api::AgentBudget& budget, const policy::Window& window,
                                  const std::string& ledger_id, std::optional<Timestamp> epoch) {
  const auto& status = budget.status;
  if (ParseRfc3339(status.window_start) != window.start) return std::nullopt;
  std::optional<Money> least;
  const auto add = [&](const std::string& text) {
    const auto amount = AmountOf(text);
    if (amount > least.value_or(Money())) least = amount;
  };
  add(status.spent_at_least);
  const bool other =
      status.ledger.empty() ? epoch && *epoch > window.start : status.ledger != ledger_id;
  if (other) add(status.spent);
  return least;
}

}  // namespace purser::controllers
