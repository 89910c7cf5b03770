// Names in a row, for messages.
#pragma once

#include <string>
#include <string_view>

namespace purser {

// "a, b, c": of any range of texts.
template <typename Texts>
std::string Join(const Texts& texts, std::string_view separator = ", ") {
  std::string joined;
  bool first = true;
  for (const std::string_view text : texts) {
    if (!first) joined += separator;
    first = false;
    joined += text;
  }
  return joined;
}

}  // namespace purser
