#include "controllers/agent_budget/nearest_thresholds.h"

namespace purser::controllers {

void NearestThresholds::Set(const kube::ObjectKey& budget, const std::string& source,
                            std::optional<Timestamp> at) {
  const std::lock_guard lock(mutex_);
  RemoveLocked(budget);
  if (!at) return;
  by_budget_[budget] = {source, *at};
  by_source_[source].insert({*at, budget});
}

void NearestThresholds::Remove(const kube::ObjectKey& budget) {
  const std::lock_guard lock(mutex_);
  RemoveLocked(budget);
}

void NearestThresholds::RemoveLocked(const kube::ObjectKey& budget) {
  const auto found = by_budget_.find(budget);
  if (found == by_budget_.end()) return;
  const auto& [source, at] = found->second;
  by_source_[source].erase({at, budget});
  by_budget_.erase(found);
}

std::optional<Duration> NearestThresholds::NearestOf(const std::string& source,
                                                     Timestamp now) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_source_.find(source);
  if (found == by_source_.end()) return std::nullopt;
  // One that was due before now has been crossed, or its spending ended.
  const auto first = found->second.lower_bound({now, {}});
  if (first == found->second.end()) return std::nullopt;
  return first->first - now;
}

}  // namespace purser::controllers
