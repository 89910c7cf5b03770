// Bodies that were compressed by who sent them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::net {

// What a gzip stream holds (one member or several). Errors: kInvalidArgument (no whole gzip
// stream), kResourceExhausted (more than `most` bytes: no more than that is ever held).
Result<std::string> Gunzip(std::string_view compressed, std::size_t most);

}  // namespace purser::net
