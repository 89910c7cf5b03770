// Base64 (RFC 4648, section 4), padded.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace purser {

std::string EncodeBase64(std::string_view bytes);

// Line breaks and spaces between digits are skipped. Error kInvalidArgument ("is not base64"):
// other characters, missing padding, anything after it. The message does not quote `text`, which
// may be secret.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace purser
