// Structured logs on standard error: one line a record, key=value text or JSON.
#pragma once

#include <string>

#include "base/result.h"

namespace purser::observability {

// level: trace | debug | info | warn | error. format: text | json. Call once, first in main.
Status SetUpLogging(const std::string& level, const std::string& format);

// While it lives, every record of this thread carries `reconcile=N`: all that one reconcile said
// can be found by it. N counts up over the process. One at a time per thread.
class ReconcileScope {
 public:
  ReconcileScope();
  ~ReconcileScope();
  ReconcileScope(const ReconcileScope&) = delete;
  ReconcileScope& operator=(const ReconcileScope&) = delete;
};

}  // namespace purser::observability
