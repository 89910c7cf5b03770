#include "app/run.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>
#include <utility>

#include "api/config.h"
#include "app/config_file.h"
#include "app/operator.h"
#include "base/pause.h"
#include "kube/access.h"

namespace purser::app {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(5);

// Waits until the file says something new and valid (then puts it into `current` and requests
// `restart`), or `stop`.
void WatchConfig(const std::string& path, std::string& current, std::stop_source& restart,
                 std::stop_token stop) {
  std::string seen = current;
  std::string told;  // why it cannot be read
  while (!restart.stop_requested() && Pause(kLookEvery, stop)) {
    const auto text = ReadConfig(path);
    if (!text) {
      if (text.error().message() != told) {
        told = text.error().message();
        spdlog::error("{}; the configuration in force stays", told);
      }
      continue;
    }
    told.clear();
    if (*text == seen) continue;
    seen = *text;
    const auto parsed = api::ParseOperatorConfig(*text, path);
    if (!parsed) {
      spdlog::error("{}; the configuration in force stays", parsed.error().message());
      continue;
    }
    if (seen == current) continue;  // as it was
    spdlog::info("config={} changed, starting anew with it", path);
    current = *text;
    restart.request_stop();
  }
}

}  // namespace

Status RunOperator(const RunOptions& options, std::stop_token stop) {
  auto text = ReadConfig(options.config_file);
  if (!text) return text.error();
  while (!stop.stop_requested()) {
    auto config = api::ParseOperatorConfig(*text, options.config_file);
    if (!config) return config.error();
    auto access = kube::DefaultAccess(options.kubeconfig);
    if (!access) return access.error();

    OperatorOptions operator_options;
    operator_options.config = std::move(*config);
    operator_options.access = std::move(*access);
    operator_options.ephemeral_ledger = options.ephemeral_ledger;
    auto instance = Operator::Create(std::move(operator_options));
    if (!instance) return instance.error();

    std::stop_source restart;
    const std::stop_callback on_stop(stop, [&restart] { restart.request_stop(); });
    std::jthread watch([&](std::stop_token ended) {
      WatchConfig(options.config_file, *text, restart, std::move(ended));
    });
    PURSER_RETURN_IF_ERROR((*instance)->Run(restart.get_token()));
  }
  return Ok();
}

}  // namespace purser::app
