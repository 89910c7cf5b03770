// JSON pointers (RFC 6901) through objects alone, as a merge patch can write them.
#pragma once

#include <simdjson.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace purser::workloads {

// "/metadata/annotations/a.b~1c" -> {"metadata", "annotations", "a.b/c"}.
std::vector<std::string> Segments(std::string_view pointer);

// What stands there; nothing: it is not there, or what is above it is no object.
std::optional<simdjson::dom::element> At(simdjson::dom::element object,
                                         const std::vector<std::string>& segments);

// Puts `value` there, making objects on the way.
void PutAt(nlohmann::json& object, const std::vector<std::string>& segments, nlohmann::json value);

}  // namespace purser::workloads
