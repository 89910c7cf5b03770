// Cuts a list's items out of its JSON while it arrives, so that one item is held and not a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser {

// Finds where items begin and end, and the commas between them. Whether an item, and what stands
// around them, is valid JSON remains to its parser, which sees every byte of it.
class ListSplitter {
 public:
  using OnItem = std::function<Status(std::string_view item)>;

  // The list is the value of `key` (with its quotation marks) of an object that stands in
  // `level` - 1 others. An item longer than `longest` bytes, or as much around them, is
  // kResourceExhausted.
  explicit ListSplitter(std::size_t longest, std::string_view key = R"("items")", int level = 1)
      : longest_(longest), key_(key), level_(level) {}

  // The next piece of the document, wherever it was cut: gives each item that ends in it, an object
  // with its braces. Error kCorrupt: this is no list; or what `on_item` returns. Nothing may be fed
  // after an error.
  Status Feed(std::string_view piece, const OnItem& on_item);

  // After the last piece: the list without its items ("items":[]). Error kCorrupt: it is cut short.
  Result<std::string> Around() const;

 private:
  enum class Place : std::uint8_t {
    kAround,       // outside of the items
    kFirstOrEnd,   // after the items' bracket
    kItem,         // in an item
    kCommaOrEnd,   // after an item
    kItemExpected  // after a comma
  };

  Status FeedAround(std::string_view& rest);
  Status FeedBetween(std::string_view& rest);
  Status FeedItem(std::string_view& rest, const OnItem& on_item);
  // The index behind the end of the string that is open at `from`; text.size() when it goes on.
  std::size_t SkipString(std::string_view text, std::size_t from);
  Status Grown(std::string& text, std::string_view by) const;

  const std::size_t longest_;
  const std::string key_;
  const int level_;
  Place place_ = Place::kAround;
  int depth_ = 0;              // of brackets: `level_` beside the list, 1 more for each in an item
  bool in_string_ = false;     // of the list or of the item
  bool escaped_ = false;       // after a backslash in it
  std::size_t string_at_ = 0;  // where the last string beside the list begins in around_
  bool after_key_ = false;
  std::string around_;
  std::string item_;  // what of an item earlier pieces brought
};

}  // namespace purser
