#include "controllers/agent_budget/witness.h"

#include <algorithm>

#include "api/text_form.h"
#include "base/time_text.h"

namespace purser::controllers {
namespace {

Quantity AmountOf(const std::string& text, Unit unit) {
  if (unit == Unit::kUsd) {
    const auto amount = Money::ParseSample(text);
    return amount ? Quantity(*amount) : Quantity();
  }
  const auto amount = ParseScaled(text, 0);
  return amount ? Quantity::Of(*amount) : Quantity();
}

}  // namespace

std::optional<Quantity> SpentAtLeast(const api::AgentBudget& budget, const std::string& subject,
                                     const policy::Window& window, const std::string& ledger_id,
                                     std::optional<Timestamp> epoch) {
  const auto& status = budget.status;
  if (budget.spec.window.type == api::WindowType::kRolling) {
    // It tells no beginning; what it said holds until this ledger knows all of the window.
    if (status.window_length != api::DurationText(budget.spec.window.length) ||
        (epoch && *epoch <= window.start))
      return std::nullopt;
  } else if (ParseRfc3339(status.window_start) != window.start) {
    return std::nullopt;
  }
  // What a status of another `per` says is not of this subject.
  if (subject.empty() != status.subjects.empty()) return std::nullopt;
  const std::string* at_least = &status.spent_at_least;
  const std::string* spent = &status.spent;
  if (!subject.empty()) {
    const auto found =
        std::find_if(status.subjects.begin(), status.subjects.end(),
                     [&](const api::SubjectSpend& one) { return one.name == subject; });
    if (found == status.subjects.end()) return std::nullopt;
    at_least = &found->spent_at_least;
    spent = &found->spent;
  }
  std::optional<Quantity> least;
  const auto add = [&](const std::string& text) {
    const auto amount = AmountOf(text, budget.spec.unit);
    if (amount > least.value_or(Quantity())) least = amount;
  };
  add(*at_least);
  const bool other =
      status.ledger.empty() ? epoch && *epoch > window.start : status.ledger != ledger_id;
  if (other) add(*spent);
  return least;
}

}  // namespace purser::controllers
