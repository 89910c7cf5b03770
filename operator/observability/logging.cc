#include "observability/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/time_text.h"

namespace purser::observability {
namespace {

thread_local std::uint64_t current_reconcile = 0;  // 0: none

// " reconcile=17" in the text form's pattern.
class ReconcileFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    if (current_reconcile == 0) return;
    const std::string text = " reconcile=" + std::to_string(current_reconcile);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<ReconcileFlag>();
  }
};

// Each record as one JSON object; invalid UTF-8 is replaced, never passed on.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json line;
    line["time"] = FormatUtcMillis(std::chrono::floor<Duration>(record.time));
    const auto level = spdlog::level::to_string_view(record.level);
    line["level"] = std::string(level.data(), level.size());
    if (current_reconcile != 0) line["reconcile"] = current_reconcile;
    line["message"] = std::string(record.payload.data(), record.payload.size());
    const std::string text =
        line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

}  // namespace

Status SetUpLogging(const std::string& level, const std::string& format) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    return Error(ErrorCode::kInvalidArgument,
                 "--log-level \"" + level + "\": use trace, debug, info, warn or error");
  }
  auto logger =
      std::make_shared<spdlog::logger>("purser", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else if (format == "text") {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<ReconcileFlag>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l%* %v");
    logger->set_formatter(std::move(formatter));
  } else {
    return Error(ErrorCode::kInvalidArgument, "--log-format \"" + format + "\": use text or json");
  }
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return Ok();
}

ReconcileScope::ReconcileScope() {
  static std::atomic<std::uint64_t> last = 0;
  current_reconcile = ++last;
}
ReconcileScope::~ReconcileScope() { current_reconcile = 0; }

}  // namespace purser::observability
