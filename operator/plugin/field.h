// Reading what the API server sent: nothing that is absent, or of another type, is an error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace purser::plugin {

using Path = std::initializer_list<std::string_view>;

// What stands at `path`; null where nothing does. The reference lives as long as `object`.
const nlohmann::json& At(const nlohmann::json& object, Path path);

// As a person reads it: a string as it is, without control characters; a number or boolean in JSON;
// "" for nothing.
std::string TextAt(const nlohmann::json& object, Path path);

std::int64_t NumberAt(const nlohmann::json& object, Path path, std::int64_t otherwise = 0);

// The elements of the array there; none where there is no array.
const nlohmann::json& ListAt(const nlohmann::json& object, Path path);

// metadata.name and metadata.namespace.
std::string NameOf(const nlohmann::json& object);
std::string NamespaceOf(const nlohmann::json& object);

// The condition of this type, null where there is none.
const nlohmann::json& ConditionOf(const nlohmann::json& object, std::string_view type);

}  // namespace purser::plugin
