// A server that gives the same bytes to every request and remembers what it was sent.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace purser::support {

class RawServer {
 public:
  // `port` 0: a free one.
  explicit RawServer(std::string answer, std::uint16_t port = 0);
  ~RawServer();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string last_request() const;
  void SetAnswer(std::string answer);

 private:
  void Serve(std::stop_token stop);

  mutable std::mutex mutex_;
  std::string answer_;
  std::string last_request_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

// A whole HTTP answer.
std::string HttpAnswer(int status, const std::string& type, const std::string& body);

}  // namespace purser::support
