// Structured logs on standard error: one line a record, key=value text or JSON.
#pragma once

#include <string>

#include "base/result.h"

namespace purser::observability {

// level: trace | debug | info | warn | error. format: text | json. Call once, first in main.
Status SetUpLogging(const std::string& level, const std::string& format);

}  // namespace purser::observability
