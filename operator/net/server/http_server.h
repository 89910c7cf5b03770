// A small plain HTTP/1.1 server for the operator's own pages (health, readiness, metrics).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::net {

struct ServerRequest {
  std::string_view method;
  std::string_view path;             // without the query
  std::string_view authorization{};  // the header's value; empty: none
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Serves from one thread of its own until destroyed. At most 64 connections at once (then the one
// silent for longest gives way), 16 KiB of request header, no request body, 10 s per request: a
// slow or hostile client cannot hold it up for the others.
class HttpServer {
 public:
  using Handler =
      std::function<ServerResponse(const ServerRequest&)>;  // called on the server's thread
  // Asked on the server's thread before the handler; must not block. Answers once, on any thread,
  // also after the server is gone: nothing lets the request in, else that is the answer.
  using GateAnswer = std::function<void(std::optional<ServerResponse>)>;
  using Gate = std::function<void(const ServerRequest&, GateAnswer)>;

  // `address`: "0.0.0.0:8080", "[::]:8080", "127.0.0.1:0" (a free port). Errors: kInvalidArgument
  // (not such an address), kUnavailable (cannot bind).
  static Result<std::unique_ptr<HttpServer>> Start(const std::string& address, Handler handler,
                                                   Gate gate = {});
  ~HttpServer();

  std::uint16_t port() const;

 private:
  class Implementation;
  explicit HttpServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::net
