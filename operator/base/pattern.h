// Regular expressions of the configuration, matched in time linear to the text (RE2's syntax).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace purser {

// Immutable and cheap to copy; matching is thread-safe.
class Pattern {
 public:
  static constexpr std::size_t kLongest = 256;  // bytes

  // Error kInvalidArgument: longer than kLongest, not UTF-8, or no regular expression; the message
  // says what is wrong with it.
  static Result<Pattern> Compile(std::string_view text);

  // Whether all of `text` matches.
  bool Matches(std::string_view text) const;
  // Whether some part of `text` matches.
  bool IsIn(std::string_view text) const;
  // What the first group holds when all of `text` matches, or all of `text` where there is no
  // group; nothing when it does not match. A view into `text`.
  std::optional<std::string_view> Extract(std::string_view text) const;

 private:
  class Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled);
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace purser
