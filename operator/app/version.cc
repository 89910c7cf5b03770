#include "app/version.h"

#include <openssl/crypto.h>
#include <simdjson.h>
#include <spdlog/version.h>
#include <nlohmann/json.hpp>

#include <string>

namespace purser::app {

std::string VersionText() {
  const auto dotted = [](int a, int b, int c) {
    return std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c);
  };
  std::string text = "purser " PURSER_VERSION " (commit " PURSER_COMMIT ")\n";
  text += std::string(OpenSSL_version(OPENSSL_VERSION)) + "\n";
  text += "simdjson " +
          dotted(simdjson::SIMDJSON_VERSION_MAJOR, simdjson::SIMDJSON_VERSION_MINOR,
                 simdjson::SIMDJSON_VERSION_REVISION) +
          "\n";
  text += "nlohmann-json " +
          dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                 NLOHMANN_JSON_VERSION_PATCH) +
          "\n";
  text += "spdlog " + dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH) + "\n";
  return text;
}

}  // namespace purser::app
