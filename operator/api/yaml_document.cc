#include "api/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace purser::api {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostDepth = 32;
constexpr std::size_t kMostNodes = 10'000;

YamlPlace PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? YamlPlace{} : YamlPlace{mark.line + 1, mark.column + 1};
}

// A message of the parser may quote half a character.
std::string Ascii(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// Leaves the parser from inside one of its events.
struct Stop {
  YamlError error;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  // Starts over with an empty document; the count of nodes goes on.
  void Restart() {
    root_ = {};
    open_.clear();
  }
  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Refuse(mark, anchor, "?");
    Add(YamlNode::Kind::kNull, mark, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Stop{{PlaceOf(mark), "aliases are not accepted; write the value out"}};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Refuse(mark, anchor, tag);
    Add(tag == "!" ? YamlNode::Kind::kQuoted : YamlNode::Kind::kPlain, mark, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Refuse(mark, anchor, tag);
    Open(YamlNode::Kind::kList, mark);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Refuse(mark, anchor, tag);
    Open(YamlNode::Kind::kMap, mark);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A container being filled; of a map also the key whose value comes next.
  struct Container {
    YamlNode node;
    bool has_key = false;
    std::string key;
    YamlPlace key_place;
  };

  static void Refuse(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) {
    if (anchor != 0) throw Stop{{PlaceOf(mark), "anchors are not accepted; write the value out"}};
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Stop{{PlaceOf(mark), "tags such as " + Quoted(tag) + " are not accepted; remove it"}};
    }
  }

  void Count(const YAML::Mark& mark) {
    if (++nodes_ > kMostNodes)
      throw Stop{{PlaceOf(mark), "more than 10000 values; split the file"}};
  }

  void Add(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& text) {
    Count(mark);
    YamlNode node;
    node.kind = kind;
    node.place = PlaceOf(mark);
    node.text = text;
    Place(std::move(node));
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark) {
    Count(mark);
    if (open_.size() >= kMostDepth) throw Stop{{PlaceOf(mark), "nested more than 32 deep"}};
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().has_key) {
      throw Stop{{PlaceOf(mark), "a key has to be text"}};
    }
    Container container;
    container.node.kind = kind;
    container.node.place = PlaceOf(mark);
    open_.push_back(std::move(container));
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Place(std::move(node));
  }

  void Place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& container = open_.back();
    if (container.node.kind == YamlNode::Kind::kList) {
      container.node.items.push_back(std::move(node));
    } else if (container.has_key) {
      container.node.entries.push_back(
          {std::move(container.key), container.key_place, std::move(node)});
      container.has_key = false;
    } else {
      TakeKey(container, std::move(node));
    }
  }

  static void TakeKey(Container& container, YamlNode node) {
    if (node.kind == YamlNode::Kind::kNull || node.text.empty())
      throw Stop{{node.place, "a key has to be text"}};
    for (const auto& entry : container.node.entries) {
      if (entry.key == node.text) {
        throw Stop{{node.place, "key " + Quoted(node.text) + " is given twice, first on line " +
                                    std::to_string(entry.place.line)}};
      }
    }
    container.has_key = true;
    container.key = std::move(node.text);
    container.key_place = node.place;
  }

  YamlNode root_;
  std::vector<Container> open_;
  std::size_t nodes_ = 0;
};

// Plain decimal, short enough for the JSON reader to hold.
bool IsDecimal(std::string_view text) {
  constexpr std::size_t kLongestNumber = 18;
  constexpr std::size_t kExponentDigits = 2;
  if (text.size() > kLongestNumber) return false;
  const auto digits = [&text] {
    const auto end =
        std::find_if_not(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
  };
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const bool zero = !text.empty() && text.front() == '0';
  const auto whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
    const auto exponent = digits();
    if (exponent == 0 || exponent > kExponentDigits) return false;
  }
  return text.empty();
}

// What some YAML reader somewhere takes for a number although it is no plain decimal.
bool LooksNumeric(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
      text == ".NAN") {
    return true;
  }
  const bool starts = !text.empty() && ((text.front() >= '0' && text.front() <= '9') ||
                                        (text.front() == '.' && text.size() > 1));
  if (!starts) return false;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'o' || text[1] == 'b')) {
    return text.find_first_not_of("0123456789abcdefABCDEF_", 2) == std::string_view::npos;
  }
  // "1_000", "012", "1.", "12:30:45" (base 60): digits with these signs alone.
  return text.find_first_not_of("0123456789._:eE+-") == std::string_view::npos &&
         std::count(text.begin(), text.end(), '.') <= 1 && text.find('-') == std::string_view::npos;
}

std::string_view BooleanOf(std::string_view text) {
  constexpr std::array kTrue = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
  constexpr std::array kFalse = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return "true";
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return "false";
  return "";
}

void AppendQuoted(std::string_view text, std::string& into) {
  constexpr std::string_view kHex = "0123456789abcdef";
  into += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      into += '\\';
      into += c;
    } else if (byte < 0x20) {
      into += "\\u00";
      into += kHex[byte >> 4];
      into += kHex[byte & 15];
    } else {
      into += c;
    }
  }
  into += '"';
}

// The depth was bounded when the tree was built.
Status AppendJson(const YamlNode& node, YamlPlace& where, std::string& into) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      into += "null";
      break;
    case YamlNode::Kind::kQuoted:
      AppendQuoted(node.text, into);
      break;
    case YamlNode::Kind::kPlain:
      if (const auto boolean = BooleanOf(node.text); !boolean.empty()) {
        into += boolean;
      } else if (IsDecimal(node.text)) {
        into += node.text;
      } else if (LooksNumeric(node.text)) {
        where = node.place;
        return Error(ErrorCode::kInvalidArgument,
                     Quoted(node.text) +
                         " may be read as a number; write a plain decimal, or text in quotes");
      } else {
        AppendQuoted(node.text, into);
      }
      break;
    case YamlNode::Kind::kList:
      into += '[';
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) into += ',';
        PURSER_RETURN_IF_ERROR(AppendJson(node.items[i], where, into));
      }
      into += ']';
      break;
    case YamlNode::Kind::kMap:
      into += '{';
      for (std::size_t i = 0; i < node.entries.size(); ++i) {
        if (i > 0) into += ',';
        AppendQuoted(node.entries[i].key, into);
        into += ':';
        PURSER_RETURN_IF_ERROR(AppendJson(node.entries[i].value, where, into));
      }
      into += '}';
      break;
  }
  return Ok();
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

YamlText ParseYaml(std::string_view text) {
  YamlText result;
  if (text.size() > kMostBytes) {
    result.errors.push_back({{}, "larger than 1 MiB"});
    return result;
  }
  // The parser takes zero bytes for a sign of UTF-16 or UTF-32, and reads another text than was
  // checked.
  if (!simdjson::validate_utf8(text.data(), text.size()) ||
      text.find('\0') != std::string_view::npos) {
    result.errors.push_back({{}, "not UTF-8 text"});
    return result;
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (true) {
      builder.Restart();
      if (!parser.HandleNextDocument(builder)) break;
      auto root = builder.TakeRoot();
      if (root.kind != YamlNode::Kind::kNull) result.documents.push_back(std::move(root));
    }
  } catch (const Stop& stop) {
    result.errors.push_back(stop.error);
  } catch (const YAML::Exception& exception) {
    result.errors.push_back({PlaceOf(exception.mark), "not YAML: " + Ascii(exception.msg)});
  } catch (const std::exception& exception) {
    result.errors.push_back({{}, std::string("not YAML: ") + exception.what()});
  }
  return result;
}

Result<std::string> ToJson(const YamlNode& node, YamlPlace& where) {
  std::string json;
  PURSER_RETURN_IF_ERROR(AppendJson(node, where, json));
  return json;
}

YamlPlace Locate(const YamlNode& root, const std::vector<PathStep>& path) {
  const YamlNode* node = &root;
  YamlPlace place = root.place;
  for (const auto& step : path) {
    if (step.field.empty()) {
      if (step.index >= node->items.size()) break;
      node = &node->items[step.index];
      place = node->place;
      continue;
    }
    const auto entry = std::find_if(node->entries.begin(), node->entries.end(),
                                    [&](const YamlNode::Entry& e) { return e.key == step.field; });
    if (entry == node->entries.end()) break;
    node = &entry->value;
    place = entry->place;
  }
  return place;
}

std::string LocationText(std::string_view file, const YamlPlace& place) {
  return std::string(file) + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

}  // namespace purser::api
