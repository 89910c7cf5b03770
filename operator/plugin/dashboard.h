// `kubectl purser dashboard`: the live page on this machine, with what its caller may read. It
// reads only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "plugin/session.h"

namespace purser::plugin {

struct PageAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};
using PageHandler = std::function<PageAnswer(std::string_view path)>;  // any thread

// Serves on 127.0.0.1 for as long as what it returns lives; `port` 0: a free one, which it writes.
using Serve =
    std::function<Result<std::shared_ptr<void>>(std::uint16_t& port, PageHandler handler)>;

// The objects that the page shows, looked at every two seconds. Thread-safe.
class LiveState {
 public:
  // Looks once before it returns. Errors: the first look's.
  static Result<std::unique_ptr<LiveState>> Start(Session session);
  ~LiveState();

  // JSON, and the version that changes with it.
  struct Snapshot {
    std::string version;
    std::shared_ptr<const std::string> body;
  };
  Snapshot Latest() const;

 private:
  explicit LiveState(Session session);
  Status Look();
  void Run(const std::stop_token& stop);

  Session session_;
  mutable std::mutex mutex_;
  std::string objects_;  // of the last look that succeeded
  std::uint64_t version_ = 0;
  std::shared_ptr<const std::string> body_;
  std::string problem_;
  std::jthread thread_;
};

// Answers the page at "/SECRET/" and its state at "/SECRET/state/VERSION" (204 while that version
// is the newest), and 404 to whoever does not know the secret.
PageHandler MakePageHandler(const LiveState& state, std::string secret);

// 128 bits of it, in hexadecimal: whoever can reach the port must know it, too.
std::string NewSecret();

}  // namespace purser::plugin
