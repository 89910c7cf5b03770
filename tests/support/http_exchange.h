// HTTP byte by byte against a server on 127.0.0.1, for what no library would send.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace purser::support {

// A connection that the test holds open.
class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port);  // throws std::runtime_error when refused
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Send(const std::string& text) const;
  // All there is until the server closes, or `within` is over.
  std::string ReadToEnd(std::chrono::milliseconds within = std::chrono::seconds(5)) const;

 private:
  int socket_;
};

// Sends `request` as it is and returns the whole answer, head and body. The request should ask for
// the connection to be closed.
std::string HttpExchange(std::uint16_t port, const std::string& request);

}  // namespace purser::support
