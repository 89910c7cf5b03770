// What is logged while it exists. Make it before what logs, and end that first.
#pragma once

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string>

namespace purser::support {

class LogLines {
 public:
  LogLines() { Sinks().push_back(sink_); }
  ~LogLines() { std::erase(Sinks(), sink_); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  // Whether one line has all of these.
  template <typename... Texts>
  bool Tell(const Texts&... texts) const {
    const auto lines = sink_->last_formatted();
    return std::ranges::any_of(lines, [&](const std::string& line) {
      return (... && (line.find(texts) != std::string::npos));
    });
  }
  std::string All() const {
    std::string all;
    for (const auto& line : sink_->last_formatted()) all += line;
    return all;
  }

 private:
  static std::vector<spdlog::sink_ptr>& Sinks() { return spdlog::default_logger()->sinks(); }
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(2000);
};

}  // namespace purser::support
