// What the inbound API takes and answers, as an OpenAPI 3.1 document.
#pragma once

#include <string_view>

namespace purser::http {

// Of openapi.json beside this file.
std::string_view OpenApiDocument();

}  // namespace purser::http
