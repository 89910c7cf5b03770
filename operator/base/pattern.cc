#include "base/pattern.h"

#include <re2/re2.h>

#include <string>
#include <utility>

namespace purser {
namespace {

// Of the compiled program: what a pattern such as ((a{99}){99}){99} could ask for.
constexpr std::int64_t kMostMemory = 1 << 20;

RE2::Options Options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  return options;
}

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class Pattern::Compiled {
 public:
  explicit Compiled(std::string_view text) : expression(Piece(text), Options()) {}
  const RE2 expression;
};

Pattern::Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

Result<Pattern> Pattern::Compile(std::string_view text) {
  if (text.size() > kLongest)
    return Error(ErrorCode::kInvalidArgument, "a regular expression has at most 256 bytes");
  auto compiled = std::make_shared<const Compiled>(text);
  if (!compiled->expression.ok()) {
    return Error(ErrorCode::kInvalidArgument,
                 "not a regular expression (RE2's syntax): " + compiled->expression.error());
  }
  return Pattern(std::move(compiled));
}

bool Pattern::Matches(std::string_view text) const {
  return RE2::FullMatch(Piece(text), compiled_->expression);
}

bool Pattern::IsIn(std::string_view text) const {
  return RE2::PartialMatch(Piece(text), compiled_->expression);
}

std::optional<std::string_view> Pattern::Extract(std::string_view text) const {
  const auto& expression = compiled_->expression;
  if (expression.NumberOfCapturingGroups() == 0) {
    return Matches(text) ? std::optional(text) : std::nullopt;
  }
  re2::StringPiece group;
  if (!RE2::FullMatch(Piece(text), expression, &group)) return std::nullopt;
  return std::string_view(group.data() == nullptr ? "" : group.data(), group.size());
}

}  // namespace purser
