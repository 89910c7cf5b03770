// What every fuzz target has in common: the function that libFuzzer and replay_main.cc call, and
// how a broken property is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// No header of libFuzzer declares it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace purser::fuzz {

inline std::string_view TextOf(const std::uint8_t* data, std::size_t size) {
  // No input has no address, which a parser may not be given.
  return size == 0 ? std::string_view("")
                   : std::string_view(reinterpret_cast<const char*>(data), size);
}

// Takes the first line off `text`, without its end.
inline std::string_view TakeLine(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Ends the process when a property does not hold: the input that broke it is kept.
inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

}  // namespace purser::fuzz
