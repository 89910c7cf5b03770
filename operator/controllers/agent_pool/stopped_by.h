// Who wrote spec.stop of an AgentPool, for conditions and events.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::controllers {

// Says who stops the pool, for people; with the fence of the chart nobody writes another's name.
inline constexpr std::string_view kStoppedByAnnotation = "purser.dev/stopped-by";

// "alice (with kubectl-patch)", "kubectl-patch": the annotation and the field manager that owns
// spec.stop, from the JSON of an AgentPool with its managedFields. Empty: neither tells. Error
// kCorrupt: no JSON.
Result<std::string> WhoStopped(std::string_view pool);

}  // namespace purser::controllers
