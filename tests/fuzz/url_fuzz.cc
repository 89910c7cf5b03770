// URLs: of Prometheus, of the API server, and percent-encoded parts of them.
#include "net/url.h"

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

void CheckUrl(std::string_view text) {
  const auto url = net::ParseUrl(text);
  if (!url) {
    // What stands before @ is a password as likely as not.
    Require(url.error().message().find('@') == std::string::npos, "a refusal shows no password");
    return;
  }
  Require(url->secure() || url->scheme == "http", "the scheme is http or https");
  Require(!url->host.empty() && url->port != 0, "there is a host and a port");
  Require(url->target.starts_with('/'), "the target is absolute");
  for (const char c : url->target) Require(c > ' ' && c <= '~', "the target is plain ASCII");
  const std::string whole = url->Origin() + url->target;
  const auto again = net::ParseUrl(whole);
  if (whole.size() > text.size() && !again) return;  // at the bound, and the port made it longer
  Require(again.ok() && again->Origin() == url->Origin() && again->target == url->target,
          "a URL printed and read again is equal");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  const auto text = fuzz::TextOf(data, size);
  fuzz::CheckUrl(text);
  const auto decoded = net::PercentDecode(net::PercentEncode(text));
  fuzz::Require(decoded.ok() && *decoded == text, "what is encoded and decoded is equal");
  static_cast<void>(net::PercentDecode(text).ok());
  return 0;
}
