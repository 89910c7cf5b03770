// Reading a whole file that ought to be small, without trusting that it is.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace purser {

// Everything in a file of at most `most` bytes; no more than that is read. Reads again each time:
// the way to notice a rotated Secret. Thread-safe.
// Errors: kNotFound (no such file), kPermissionDenied (it cannot be opened), kUnavailable (opened,
// but not readable, as a folder is), kResourceExhausted (larger). Messages name the path:
// "'a/b' is larger than 1 MiB".
Result<std::string> ReadSmallFile(const std::string& path, std::size_t most);

}  // namespace purser
