#include "plugin/output.h"

#include <yaml-cpp/yaml.h>

#include "api/text_form.h"

namespace purser::plugin {
namespace {

using nlohmann::json;

void Emit(YAML::Emitter& out, const json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, each] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      Emit(out, each);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const auto& each : value) Emit(out, each);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    // In quotes: "50" and "true" stay what they are.
    out << YAML::DoubleQuoted << value.get_ref<const std::string&>();
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

}  // namespace

Result<Format> ParseFormat(const std::string& text) {
  if (text.empty()) return Format::kTable;
  if (text == "wide") return Format::kWide;
  if (text == "json") return Format::kJson;
  if (text == "yaml") return Format::kYaml;
  return Error(ErrorCode::kInvalidArgument,
               "--output " + api::Quoted(text) + ": want wide, json or yaml");
}

std::string ListText(const json& items, Format format) {
  json list{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
  for (auto& item : list["items"]) {
    const auto metadata = item.find("metadata");
    if (metadata != item.end() && metadata->is_object()) metadata->erase("managedFields");
  }
  if (format == Format::kJson) {
    return list.dump(4, ' ', false, json::error_handler_t::replace) + "\n";
  }
  YAML::Emitter out;
  Emit(out, list);
  return std::string(out.c_str()) + "\n";
}

}  // namespace purser::plugin
