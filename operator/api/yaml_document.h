// YAML text -> a bounded tree that remembers where everything stands. yaml-cpp is used for its
// parser alone: its node tree shares aliases, forgets quotes and keeps doubled keys. Inside api/,
// and for catalogues of prices.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/field_reader.h"
#include "base/result.h"

namespace purser::api {

struct YamlPlace {
  int line = 1;  // both from 1
  int column = 1;
};

struct YamlNode {
  enum class Kind { kNull, kPlain, kQuoted, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  YamlPlace place;
  std::string text;             // of kPlain and kQuoted
  std::vector<YamlNode> items;  // of kList
  std::vector<Entry> entries;   // of kMap, in the order written
  const YamlNode* Find(std::string_view key) const;
};

struct YamlNode::Entry {
  std::string key;
  YamlPlace place;
  YamlNode value;
};

// What stopped the parser.
struct YamlError {
  YamlPlace place;
  std::string message;
};

struct YamlText {
  std::vector<YamlNode> documents;  // those before the error; empty documents are left out
  std::vector<YamlError> errors;    // none or one
};

// Bounds: 1 MiB, depth 32, 10,000 nodes in all. Refused: text that is not UTF-8, anchors, aliases,
// tags, doubled keys, keys that are not text.
YamlText ParseYaml(std::string_view text);

// As JSON, typed as Kubernetes types YAML: plain true/false/yes/no/on/off are booleans, plain
// decimal numbers are numbers; other plain numbers (012, 0x1F, .inf) are refused as ambiguous.
// Error kInvalidArgument: the place is in `where`.
Result<std::string> ToJson(const YamlNode& node, YamlPlace& where);

// Where a problem stands: its own key if that is there, else the deepest parent that is.
YamlPlace Locate(const YamlNode& root, const std::vector<PathStep>& path);

// "FILE:LINE:COLUMN"
std::string LocationText(std::string_view file, const YamlPlace& place);

}  // namespace purser::api
