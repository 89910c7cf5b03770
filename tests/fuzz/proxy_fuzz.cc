// The variables that name proxies: https_proxy, http_proxy, no_proxy, and the URL asked for, one a
// line.
#include "net/proxy.h"

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

void CheckProxy(const std::string& text) {
  const auto proxy = net::ParseProxy(text);
  if (!proxy) {
    Require(proxy.error().message().find('@') == std::string::npos, "a refusal shows no password");
    return;
  }
  Require(proxy->url.scheme == "http" && proxy->url.target == "/", "a proxy is an http origin");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  std::string_view rest = fuzz::TextOf(data, size);
  const std::string https(fuzz::TakeLine(rest));
  const std::string http(fuzz::TakeLine(rest));
  const std::string none(fuzz::TakeLine(rest));
  fuzz::CheckProxy(https);
  const auto rules = net::ProxyRules::FromEnvironment([&](std::string_view name) -> const char* {
    if (name == "https_proxy") return https.c_str();
    if (name == "http_proxy") return http.c_str();
    return name == "no_proxy" ? none.c_str() : nullptr;
  });
  const auto url = net::ParseUrl(rest);
  if (!rules || !url) return 0;
  const auto proxy = rules->For(*url);
  if (url->host == "localhost") fuzz::Require(!proxy, "loopback is never proxied");
  if (none == "*") fuzz::Require(!proxy, "* excludes everything");
  return 0;
}
