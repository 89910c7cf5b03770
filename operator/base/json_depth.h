// How deeply a JSON text is nested, told before it is parsed: parsers and values that call
// themselves for each level end the process on a text of brackets.
#pragma once

#include <cstddef>
#include <string_view>

namespace purser {

// More than any document Purser reads needs.
inline constexpr std::size_t kDeepestJson = 64;

// Are there never more than `limit` lists and objects around a place of `json`? True also of text
// that is no JSON but nests no deeper. One pass, no memory.
bool DepthWithin(std::string_view json, std::size_t limit = kDeepestJson);

}  // namespace purser
