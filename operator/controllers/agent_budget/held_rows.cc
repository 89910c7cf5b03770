#include "controllers/agent_budget/held_rows.h"

#include <utility>

namespace purser::controllers {

std::string SpecId(const api::AgentBudget& budget) {
  return budget.meta.uid + "/" + std::to_string(budget.meta.generation);
}

void HeldRows::Note(const std::string& id, const std::string& spec, const policy::Latches& now) {
  ledger::RowHold hold{id, spec, {}};
  hold.keys.reserve(now.size());
  for (const auto& [key, latch] : now) hold.keys.push_back(key);
  const std::lock_guard lock(mutex_);
  noted_[id] = std::move(hold);
}

void HeldRows::Gone(const std::string& id, const Row& row) {
  if (!row.decision.latches.empty()) Note(id, "", {});
}

void HeldRows::Write() {
  {
    const std::lock_guard lock(mutex_);
    if (noted_.empty()) return;
  }
  const std::lock_guard writing(writing_);
  std::vector<ledger::RowHold> holds;
  {
    const std::lock_guard lock(mutex_);
    holds.reserve(noted_.size());
    for (auto& [id, hold] : noted_) holds.push_back(std::move(hold));
    noted_.clear();
  }
  if (!holds.empty()) ledger_.KeepHolds(holds);
}

}  // namespace purser::controllers
