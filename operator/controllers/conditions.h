// Status conditions: a list-map by type; the transition time moves only with the status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/object/object_meta.h"

namespace purser::controllers {

// Adds or replaces the condition of that type. `observed_generation`: of the object it was computed
// from.
void SetCondition(std::vector<kube::Condition>& conditions, const std::string& type, bool status,
                  const std::string& reason, const std::string& message,
                  std::int64_t observed_generation, Timestamp now);

const kube::Condition* FindCondition(const std::vector<kube::Condition>& conditions,
                                     const std::string& type);

// Whether two lists differ in a type, status or reason (messages and times aside).
bool ConditionsDiffer(const std::vector<kube::Condition>& a, const std::vector<kube::Condition>& b);

// When the condition last became what it is; nothing if it is absent or has no readable time.
std::optional<Timestamp> TransitionTime(const std::vector<kube::Condition>& conditions,
                                        const std::string& type);

}  // namespace purser::controllers
