// Runs a small program to its end: no shell, no terminal, bounded in time and output.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace purser::kube {

// stdout, at most 1 MiB. `environment` are all its variables, "NAME=value". Errors: kNotFound (no
// such program), kTimeout (killed), kUnavailable (ended with another code than 0; the end of stderr
// is in the message), kResourceExhausted.
Result<std::string> RunProgram(const std::vector<std::string>& command,
                               const std::vector<std::string>& environment, Duration timeout);

}  // namespace purser::kube
