// JSON as the operator meets it: parsed before any decoder of ours sees it.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace purser::fuzz {

// Calls `use` with the document, when `text` is one.
template <typename Use>
void WithJson(std::string_view text, const Use& use) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(text.data(), text.size()).get(document) == simdjson::SUCCESS) use(document);
}

inline bool IsUtf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace purser::fuzz
