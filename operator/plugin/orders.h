// What a person orders at once: stop and restore a pool, take a budget's hands off and on.
#pragma once

#include <string>

#include "base/result.h"
#include "plugin/session.h"

namespace purser::plugin {

// Each returns what to tell the person. Errors as Session's.

// spec.stop with the reason.
Result<std::string> StopPool(Session& session, const std::string& pool, const std::string& reason);

// Takes spec.stop away, and lets a pool that waits for a person (scaling.restore: Manual) go on. A
// stop by a budget is not undone: who asks is told by which, and what undoes it.
Result<std::string> RestorePool(Session& session, const std::string& pool);

// spec.mode: Audit, Enforce.
Result<std::string> PauseBudget(Session& session, const std::string& budget);
Result<std::string> ResumeBudget(Session& session, const std::string& budget);

}  // namespace purser::plugin
