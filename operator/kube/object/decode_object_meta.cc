#include "kube/object/decode_object_meta.h"

#include <utility>

#include "base/utf8.h"

namespace purser::kube {
namespace {

constexpr std::size_t kMostFinalizers = 64;
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kMostShown = 100;

std::string Shown(simdjson::dom::element element) {
  if (element.is_array()) return "a list";
  if (element.is_object()) return "an object";
  const std::string text = simdjson::minify(element);
  const std::string_view shown = CutUtf8(text, kMostShown);
  return std::string(shown) + (shown.size() < text.size() ? "..." : "");
}

Error Unreadable(const std::string& what) {
  return Error(ErrorCode::kInvalidArgument, "metadata." + what);
}

// Text at `name`, empty when absent. Error: not text.
Result<std::string> TextAt(simdjson::dom::object object, std::string_view name) {
  simdjson::dom::element element;
  if (object[name].get(element) != simdjson::SUCCESS || element.is_null()) return std::string();
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS)
    return Unreadable(std::string(name) + ": " + Shown(element) + " is not text");
  return std::string(text);
}

}  // namespace

Result<ObjectMeta> DecodeObjectMeta(simdjson::dom::element object, std::string_view annotations) {
  simdjson::dom::object metadata;
  if (!object.is_object() || object["metadata"].get(metadata) != simdjson::SUCCESS) {
    return Error(ErrorCode::kInvalidArgument, "metadata: is required; want an object with a name");
  }
  ObjectMeta meta;
  for (const auto& [name, into] : {std::pair<std::string_view, std::string*>{"name", &meta.name},
                                   {"namespace", &meta.ns},
                                   {"uid", &meta.uid},
                                   {"resourceVersion", &meta.resource_version}}) {
    auto text = TextAt(metadata, name);
    if (!text) return text.error();
    *into = std::move(*text);
  }
  if (meta.name.empty() || meta.name.size() > kLongestName) {
    return Unreadable("name: is required; want 1 to 253 characters");
  }
  simdjson::dom::element element;
  if (metadata["generation"].get(element) == simdjson::SUCCESS &&
      element.get(meta.generation) != simdjson::SUCCESS) {
    return Unreadable("generation: " + Shown(element) + " is not a whole number");
  }
  meta.deleting =
      metadata["deletionTimestamp"].get(element) == simdjson::SUCCESS && !element.is_null();

  simdjson::dom::array finalizers;
  if (metadata["finalizers"].get(finalizers) == simdjson::SUCCESS) {
    for (const auto finalizer : finalizers) {
      std::string_view text;
      if (finalizer.get(text) != simdjson::SUCCESS)
        return Unreadable("finalizers: want a list of text");
      if (meta.finalizers.size() < kMostFinalizers) meta.finalizers.emplace_back(text);
    }
  }
  simdjson::dom::object notes;
  if (metadata["annotations"].get(notes) == simdjson::SUCCESS) {
    for (const auto [key, value] : notes) {
      std::string_view text;
      if (!key.starts_with(annotations)) continue;
      if (value.get(text) == simdjson::SUCCESS) meta.annotations.emplace(key, text);
    }
  }
  return meta;
}

}  // namespace purser::kube
