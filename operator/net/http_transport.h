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
  // Send: for the whole exchange. Stream: until the answer's header (30 s at most), then between
  // two pieces of it.
  Duration timeout{std::chrono::seconds(10)};
  // May the request be sent a second time when a kept connection turns out to be dead? If not, such
  // a failure is returned as kUnavailable: it is unknown then whether the server carried it out.
  bool idempotent = true;
  // Send: a longer answer fails with kResourceExhausted.
  std::int64_t max_body_bytes = 4 << 20;
  // Stream: what arrives is given once it is so much (256 KiB at most), at the end, or after
  // `timeout`. 1: at once.
  std::size_t piece_bytes = 1;
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

  // Gives a 2xx answer's body to `on_piece` as it arrives, on the calling thread. Returns the
  // response, without a body, once the stream has ended or `on_piece` returned false, and the error
  // it returned; an answer other than 2xx is returned with its body. A stream that breaks off is
  // kUnavailable, a silent one kTimeout: pieces before that have been given.
  using OnPiece = std::function<Result<bool>(std::string_view piece)>;
  virtual Result<HttpResponse> Stream(const HttpRequest& request, const OnPiece& on_piece,
                                      std::stop_token stop) = 0;

  // Stream, cut into lines: gives each, without its end, to `on_line`; false ends the stream. A
  // line over `max_line_bytes` is kResourceExhausted: lines before it have been given.
  Result<HttpResponse> StreamLines(const HttpRequest& request, std::size_t max_line_bytes,
                                   const std::function<bool(std::string_view line)>& on_line,
                                   std::stop_token stop);
};

}  // namespace purser::net
