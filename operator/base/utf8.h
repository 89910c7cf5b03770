// Shortening UTF-8 text.
#pragma once

#include <cstddef>
#include <string_view>

namespace purser {

// The longest start of `text` with at most `bytes` bytes that does not end inside a character.
std::string_view CutUtf8(std::string_view text, std::size_t bytes);

}  // namespace purser
