// The text of the operator's configuration file.
#pragma once

#include <string>

#include "base/result.h"

namespace purser::app {

// Error kInvalidArgument (too large) or kNotFound (cannot be read), with the way out.
Result<std::string> ReadConfig(const std::string& path);

}  // namespace purser::app
