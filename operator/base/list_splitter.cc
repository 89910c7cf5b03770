#include "base/list_splitter.h"

#include <algorithm>

namespace purser {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

Error NotAList(const std::string& why) {
  return Error(ErrorCode::kCorrupt, "the answer is not a list in JSON: " + why);
}

}  // namespace

std::size_t ListSplitter::SkipString(std::string_view text, std::size_t from) {
  bool escaped = escaped_;  // here: a member would be stored for every byte
  for (std::size_t i = from; i < text.size(); ++i) {
    if (escaped) {
      escaped = false;
    } else if (text[i] == '\\') {
      escaped = true;
    } else if (text[i] == '"') {
      in_string_ = escaped_ = false;
      return i + 1;
    }
  }
  escaped_ = escaped;
  return text.size();
}

Status ListSplitter::Grown(std::string& text, std::string_view by) const {
  if (by.size() > longest_ - std::min(longest_, text.size())) {
    return Error(ErrorCode::kResourceExhausted,
                 "an object of the list is longer than " + std::to_string(longest_) + " bytes");
  }
  text += by;
  return Ok();
}

Status ListSplitter::Feed(std::string_view piece, const OnItem& on_item) {
  while (!piece.empty()) {
    switch (place_) {
      case Place::kAround:
        PURSER_RETURN_IF_ERROR(FeedAround(piece));
        break;
      case Place::kItem:
        PURSER_RETURN_IF_ERROR(FeedItem(piece, on_item));
        break;
      default:
        PURSER_RETURN_IF_ERROR(FeedBetween(piece));
    }
  }
  return Ok();
}

Status ListSplitter::FeedAround(std::string_view& rest) {
  std::size_t i = 0;
  const auto take = [&] {
    auto grown = Grown(around_, rest.substr(0, i));
    rest.remove_prefix(i);
    return grown;
  };
  if (in_string_) i = SkipString(rest, 0);
  while (i < rest.size()) {
    const char c = rest[i];
    if (c == '"') {
      in_string_ = true;
      if (depth_ == level_) string_at_ = around_.size() + i;
      i = SkipString(rest, i + 1);
      continue;
    }
    if (c == ':' && depth_ == level_) {
      ++i;
      const std::size_t colon = around_.size() + i;
      PURSER_RETURN_IF_ERROR(take());
      i = 0;
      // Strings beside the list are keys and plain values; only a key has a colon behind it.
      const auto key = std::string_view(around_).substr(string_at_, colon - string_at_);
      after_key_ = key.starts_with(key_);
      continue;
    }
    ++i;
    if (IsSpace(c)) continue;
    if (c == '[' && depth_ == level_ && after_key_) {
      PURSER_RETURN_IF_ERROR(take());
      after_key_ = false;
      place_ = Place::kFirstOrEnd;
      return Ok();
    }
    after_key_ = false;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ < 0) return NotAList("a bracket too many");
  }
  return take();
}

Status ListSplitter::FeedBetween(std::string_view& rest) {
  const char c = rest.front();
  const bool may_begin = place_ != Place::kCommaOrEnd;
  const bool may_end = place_ != Place::kItemExpected;
  if (c == '{' && may_begin) {
    place_ = Place::kItem;  // which begins with it
    return Ok();
  }
  rest.remove_prefix(1);
  if (IsSpace(c)) return Ok();
  if (c == ',' && place_ == Place::kCommaOrEnd) {
    place_ = Place::kItemExpected;
    return Ok();
  }
  if (c == ']' && may_end) {
    place_ = Place::kAround;
    return Grown(around_, "]");
  }
  return NotAList("between its items stands something else than a comma");
}

Status ListSplitter::FeedItem(std::string_view& rest, const OnItem& on_item) {
  std::size_t i = in_string_ ? SkipString(rest, 0) : 0;
  int depth = depth_;
  while (i < rest.size()) {
    const char c = rest[i++];
    if (c == '"') {
      in_string_ = true;
      i = SkipString(rest, i);
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == level_) {
      depth_ = depth;
      const std::string_view end = rest.substr(0, i);
      rest.remove_prefix(i);
      place_ = Place::kCommaOrEnd;
      if (item_.empty() && end.size() <= longest_) return on_item(end);
      PURSER_RETURN_IF_ERROR(Grown(item_, end));
      auto given = on_item(item_);
      item_.clear();
      return given;
    }
  }
  depth_ = depth;
  PURSER_RETURN_IF_ERROR(Grown(item_, rest));
  rest = {};
  return Ok();
}

Result<std::string> ListSplitter::Around() const {
  if (place_ != Place::kAround || depth_ != 0 || in_string_ || around_.empty())
    return NotAList("it is cut short");
  return around_;
}

}  // namespace purser
