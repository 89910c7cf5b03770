#include "controllers/conditions.h"

#include <algorithm>

#include "base/time_text.h"

namespace purser::controllers {

void SetCondition(std::vector<kube::Condition>& conditions, const std::string& type, bool status,
                  const std::string& reason, const std::string& message,
                  std::int64_t observed_generation, Timestamp now) {
  auto found =
      std::find_if(conditions.begin(), conditions.end(),
                   [&](const kube::Condition& condition) { return condition.type == type; });
  if (found == conditions.end()) {
    conditions.push_back({type, "", "", "", "", 0});
    found = std::prev(conditions.end());
  }
  const std::string text = status ? "True" : "False";
  if (found->status != text) {
    found->status = text;
    found->last_transition_time = FormatUtc(now);
  }
  found->reason = reason;
  found->message = message;
  found->observed_generation = observed_generation;
}

const kube::Condition* FindCondition(const std::vector<kube::Condition>& conditions,
                                     const std::string& type) {
  const auto found =
      std::find_if(conditions.begin(), conditions.end(),
                   [&](const kube::Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

bool ConditionsDiffer(const std::vector<kube::Condition>& a,
                      const std::vector<kube::Condition>& b) {
  if (a.size() != b.size()) return true;
  return !std::all_of(a.begin(), a.end(), [&](const kube::Condition& condition) {
    const auto* other = FindCondition(b, condition.type);
    return other != nullptr && other->status == condition.status &&
           other->reason == condition.reason &&
           other->observed_generation == condition.observed_generation;
  });
}

std::optional<Timestamp> TransitionTime(const std::vector<kube::Condition>& conditions,
                                        const std::string& type) {
  const auto* condition = FindCondition(conditions, type);
  return condition == nullptr ? std::nullopt : ParseRfc3339(condition->last_transition_time);
}

}  // namespace purser::controllers
