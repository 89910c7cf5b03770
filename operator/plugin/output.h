// -o: the objects themselves, for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace purser::plugin {

enum class Format { kTable, kWide, kJson, kYaml };

// "", "wide", "json", "yaml"; kInvalidArgument for anything else.
Result<Format> ParseFormat(const std::string& text);

// A List of these objects, without metadata.managedFields, as `kubectl get -o` prints one.
std::string ListText(const nlohmann::json& items, Format format);

}  // namespace purser::plugin
