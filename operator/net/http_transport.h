// Outbound HTTP/1.1 behind an interface: the only way Purser talks to an API server or a
// Prometheus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace purser::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  // http(s)://host[:port]/path[?query], ASCII, percent-encoded by the caller. No user, no fragment.
  std::string url;
  HttpHeaders headers;
  std::string body;
  // Send: for the whole exchange. StreamLines: until the answer's header (30 s at most), then
  // between two pieces of it.
  Duration timeout{std::chrono::seconds(10)};
  // May the request be sent a second time when a kept connection turns out to be dead? If not, such
  // a failure is returned as kUnavailable: it is unknown then whether the server carried it out.
  bool idempotent = true;
  // A longer answer fails with kResourceExhausted.
  std::int64_t max_body_bytes = 4 << 20;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  // names in lower case: content-type, retry-after, date, location only
  std::string body;

  // The value of a header by its lower-case name; empty when absent.
  std::string_view Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

// Thread-safe. Calls block; they end within 50 ms of a requested stop.
// Errors: kInvalidArgument (the request cannot be sent as it is), kUnavailable (no connection, or
// it broke), kTimeout, kCancelled (stop requested), kResourceExhausted (a bound was passed).
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Any HTTP status is a success here. Redirects are not followed.
  virtual Result<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) = 0;

  // Gives each line (without its end) of a 2xx answer to `on_line`, on the calling thread. Returns
  // the response, without a body, once the stream has ended or `on_line` returned false; an answer
  // other than 2xx is returned with its body. A stream that breaks off is kUnavailable, a silent
  // one kTimeout, a line over `max_line_bytes` kResourceExhausted: lines before that have been
  // delivered.
  virtual Result<HttpResponse> StreamLines(
      const HttpRequest& request, std::size_t max_line_bytes,
      const std::function<bool(std::string_view line)>& on_line, std::stop_token stop) = 0;
};

}  // namespace purser::net
