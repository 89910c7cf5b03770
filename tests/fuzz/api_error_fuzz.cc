// The body of a failed call to the API server, or of whatever stands between. The first line is the
// HTTP status.
#include <charconv>

#include "fuzz/json.h"
#include "fuzz/target.h"
#include "kube/client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  using fuzz::Require;
  std::string_view body = fuzz::TextOf(data, size);
  const auto line = fuzz::TakeLine(body);
  int status = 0;
  static_cast<void>(std::from_chars(line.data(), line.data() + line.size(), status));
  const auto error = kube::DecodeApiError(status, body);
  Require(error.message().starts_with("HTTP "), "an error says the status");
  Require(error.message().size() < 1200, "an error is told shortly");
  Require(fuzz::IsUtf8(error.message()) || !fuzz::IsUtf8(body), "what was UTF-8 stays UTF-8");
  Require(status != 410 || error.code() == ErrorCode::kExpired, "410 is kExpired");
  Require(status != 404 || error.code() == ErrorCode::kNotFound, "404 is kNotFound");
  Require(status != 401 || error.code() == ErrorCode::kUnauthenticated, "401 is kUnauthenticated");
  return 0;
}
