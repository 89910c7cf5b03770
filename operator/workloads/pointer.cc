#include "workloads/pointer.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace purser::workloads {

std::vector<std::string> Segments(std::string_view pointer) {
  std::vector<std::string> segments;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      segments.emplace_back();
      continue;
    }
    if (segments.empty()) return {};  // no pointer
    const bool escaped = pointer[i] == '~' && i + 1 < pointer.size();
    segments.back() += escaped ? (pointer[++i] == '1' ? '/' : '~') : pointer[i];
  }
  return segments;
}

std::optional<simdjson::dom::element> At(simdjson::dom::element object,
                                         const std::vector<std::string>& segments) {
  for (const auto& segment : segments) {
    simdjson::dom::element below;
    if (object[segment].get(below) != simdjson::SUCCESS) return std::nullopt;
    object = below;
  }
  return object;
}

void PutAt(nlohmann::json& object, const std::vector<std::string>& segments, nlohmann::json value) {
  auto* at = &object;
  for (const auto& segment : segments) at = &(*at)[segment];
  *at = std::move(value);
}

}  // namespace purser::workloads
