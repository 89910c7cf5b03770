// The operator's configuration file.
#include "api/config.h"

#include "fuzz/json.h"
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  using fuzz::Require;
  const auto text = fuzz::TextOf(data, size);
  const auto config = api::ParseOperatorConfig(text, "config.yaml");
  if (!config) {
    const auto& message = config.error().message();
    Require(message.starts_with("config.yaml:"), "a refusal says where");
    Require(fuzz::IsUtf8(message), "a refusal is UTF-8");
    return 0;
  }
  Require(!config->sources.empty(), "there is a source");
  for (const auto& source : config->sources) {
    Require(!source.name.empty() && !source.prometheus.url.empty(), "a source is complete");
    Require(source.prometheus.scrape_interval > std::chrono::milliseconds::zero(),
            "an interval is not zero");
    Require(source.prometheus.timeout > std::chrono::milliseconds::zero(),
            "a time-out is not zero");
  }
  Require(api::ValidateFile(text, "config.yaml").empty(), "what is accepted is valid");
  const auto again = api::ParseOperatorConfig(text, "another.yaml");
  Require(again.ok() && *again == *config, "reading twice gives the same");
  return 0;
}
