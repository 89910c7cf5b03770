// Lists cut into their items, beside a parser of the whole: where the splitter and every item's
// parser accept, the items and what is around them are the document's; what is valid is accepted.
#include "base/list_splitter.h"

#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

struct Split {
  std::vector<std::string> items;  // minified
  std::string around;
  bool operator==(const Split&) const = default;
};

std::string Minified(simdjson::dom::element element) { return simdjson::minify(element); }

// Nothing: refused by the splitter or by a parser.
std::optional<Split> SplitInto(std::string_view list, std::size_t piece) {
  ListSplitter splitter(1 << 20);
  simdjson::dom::parser parser;
  Split split;
  while (!list.empty()) {
    const auto fed = splitter.Feed(list.substr(0, piece), [&](std::string_view item) -> Status {
      simdjson::dom::element object;
      if (parser.parse(item.data(), item.size()).get(object) != simdjson::SUCCESS)
        return Error(ErrorCode::kCorrupt, "no JSON");
      split.items.push_back(Minified(object));
      return Ok();
    });
    if (!fed) return std::nullopt;
    list.remove_prefix(std::min(piece, list.size()));
  }
  const auto around = splitter.Around();
  simdjson::dom::element rest;
  if (!around || parser.parse(*around).get(rest) != simdjson::SUCCESS || !rest.is_object())
    return std::nullopt;
  split.around = Minified(rest);
  return split;
}

// The members of a list of objects; nothing for other documents. Of two "items" the splitter cuts
// both, and no API server writes two.
struct Whole {
  std::vector<std::string> items;
  bool plain = true;
};
std::optional<Whole> Parsed(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::object list;
  if (parser.parse(text.data(), text.size()).get(list) != simdjson::SUCCESS) return std::nullopt;
  Whole whole;
  int named = 0;
  for (const auto field : list) {
    if (field.key != "items") continue;
    whole.plain = ++named == 1;
    simdjson::dom::array items;
    if (field.value.get(items) != simdjson::SUCCESS) continue;
    for (const auto item : items) {
      if (!item.is_object()) return std::nullopt;
      whole.items.push_back(Minified(item));
    }
  }
  return whole;
}

void CheckList(std::string_view text) {
  const auto split = SplitInto(text, std::max<std::size_t>(text.size(), 1));
  for (const std::size_t piece : {1, 2, 7})
    Require(SplitInto(text, piece) == split, "it does not matter where a list is cut");
  const auto whole = Parsed(text);
  // A key may also be spelt with escapes, which only the parser of the whole undoes.
  if (!whole || !whole->plain || text.find("\\u") != std::string_view::npos) return;
  Require(split.has_value(), "a list in JSON is accepted");
  Require(split->items == whole->items, "the items are those of the document");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  purser::fuzz::CheckList(purser::fuzz::TextOf(data, size));
  return 0;
}
