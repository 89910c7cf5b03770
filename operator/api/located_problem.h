// Reading one YAML document by tables of fields, every problem with its line and column. Inside
// api/ only.
#pragma once

#include <simdjson.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/config.h"
#include "api/field_reader.h"
#include "api/yaml_document.h"
#include "base/result.h"

namespace purser::api {

inline constexpr std::string_view kConfigApiVersion = "config.purser.dev/v1alpha1";
inline constexpr std::string_view kConfigKind = "OperatorConfig";

struct LocatedProblem {
  YamlPlace place;
  std::string message;  // "spec.limit: …"
};

// Converts `document`, calls `read` with it, and appends what was found wrong (also an error of
// `read`) in the order of the text. Error: there were problems.
Status ReadDocument(const YamlNode& document, ReadContext& context,
                    std::vector<LocatedProblem>& problems,
                    const std::function<Status(simdjson::dom::element)>& read);

// One OperatorConfig. Error: there were problems.
Result<OperatorConfig> ReadOperatorConfig(const YamlNode& document,
                                          std::vector<LocatedProblem>& problems);

}  // namespace purser::api
