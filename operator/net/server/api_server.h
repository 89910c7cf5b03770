// The HTTPS server of the inbound API: HTTP/1.1 with keep-alive over TLS 1.2 and later.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/inbound.h"

namespace purser::net {

struct ApiServerOptions {
  std::string address;              // as HttpServer's
  std::string cert_file, key_file;  // PEM; read again when they change
  // Beyond it the one idle for longest gives way; if none is idle, who comes is answered 429.
  std::size_t most_connections = 2'000;
  std::size_t largest_header = std::size_t{16} << 10;
  std::size_t largest_body = std::size_t{8} << 20;  // as sent, and decompressed
  // Of all requests being served: beyond it 429, before the body is read.
  std::size_t most_body_bytes = std::size_t{48} << 20;
  std::chrono::seconds handshake_timeout{10};
  std::chrono::seconds request_timeout{20};  // for the whole header; again for the whole body
  std::chrono::seconds idle_timeout{120};    // between requests
  std::chrono::seconds write_timeout{20};    // without any progress
  std::chrono::seconds grace{1};             // for answers under way when the server ends
  // Hears what is wrong with the certificate's files when they change. Server's thread.
  std::function<void(const std::string&)> on_problem = {};
};

// Serves from one thread of its own until destroyed. Nothing that a client sends ends it, and none
// that is slow holds it up for others. gzip bodies are decompressed; other encodings are refused
// (415). Requests of one connection are served one after the other.
class ApiServer {
 public:
  // `admit` is asked when the header has come, before any body is read. Errors: kInvalidArgument
  // (address, certificate), kUnavailable (cannot bind).
  static Result<std::unique_ptr<ApiServer>> Start(ApiServerOptions options, Admit admit,
                                                  InboundHandler handler);
  // Takes no more requests, lets answers under way out for `grace`, then ends.
  ~ApiServer();

  std::uint16_t port() const;
  std::size_t connections() const;  // at present

 private:
  class Implementation;
  explicit ApiServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::net
