#include "plugin/field.h"

#include "api/text_form.h"

namespace purser::plugin {

using nlohmann::json;

const json& At(const json& object, Path path) {
  static const json nothing;
  const json* at = &object;
  for (const auto step : path) {
    if (!at->is_object()) return nothing;
    const auto found = at->find(step);
    if (found == at->end()) return nothing;
    at = &*found;
  }
  return *at;
}

std::string TextAt(const json& object, Path path) {
  const auto& found = At(object, path);
  if (found.is_string()) return api::Visible(found.get_ref<const std::string&>());
  if (found.is_number() || found.is_boolean()) return found.dump();
  return "";
}

std::int64_t NumberAt(const json& object, Path path, std::int64_t otherwise) {
  const auto& found = At(object, path);
  return found.is_number_integer() ? found.get<std::int64_t>() : otherwise;
}

const json& ListAt(const json& object, Path path) {
  static const json none = json::array();
  const auto& found = At(object, path);
  return found.is_array() ? found : none;
}

std::string NameOf(const json& object) { return TextAt(object, {"metadata", "name"}); }

std::string NamespaceOf(const json& object) { return TextAt(object, {"metadata", "namespace"}); }

const json& ConditionOf(const json& object, std::string_view type) {
  static const json nothing;
  for (const auto& each : ListAt(object, {"status", "conditions"}))
    if (TextAt(each, {"type"}) == type) return each;
  return nothing;
}

}  // namespace purser::plugin
