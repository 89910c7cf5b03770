#include "net/proxy.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>

namespace purser::net {
namespace {

std::optional<std::uint32_t> ParseAddress(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

bool InRange(const std::string& range, std::size_t slash, const std::string& host) {
  const auto network = ParseAddress(range.substr(0, slash));
  const auto address = ParseAddress(host);
  unsigned bits = 0;
  const char* const end = range.data() + range.size();
  const auto [parsed, problem] = std::from_chars(range.data() + slash + 1, end, bits);
  if (!network || !address || problem != std::errc() || parsed != end || bits > 32) return false;
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return (*network & mask) == (*address & mask);
}

bool Matches(std::string rule, const Url& url) {
  if (rule == "*") return true;
  if (const auto slash = rule.find('/'); slash != std::string::npos)
    return InRange(rule, slash, url.host);
  if (const auto colon = rule.find(':'); colon != std::string::npos) {
    if (rule.substr(colon + 1) != std::to_string(url.port)) return false;
    rule.resize(colon);
  }
  if (rule.starts_with("*.")) rule.erase(0, 1);
  if (rule.empty()) return false;
  if (rule[0] == '.') return url.host.size() > rule.size() && url.host.ends_with(rule);
  return url.host == rule || (!url.host_is_address && url.host.ends_with("." + rule));
}

Error WrongProxy(std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, "proxy URL: " + std::string(why));
}

Result<std::optional<Proxy>> Read(const ProxyRules::Environment& environment,
                                  std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value == nullptr || *value == '\0') continue;
    auto proxy = ParseProxy(value);
    if (!proxy) return proxy.error().WithContext(name);
    return std::optional<Proxy>(std::move(proxy).value());
  }
  return std::optional<Proxy>();
}

}  // namespace

Result<Proxy> ParseProxy(std::string_view text) {
  std::string_view rest = text;
  if (const auto colon = rest.find("://"); colon != std::string_view::npos) {
    if (rest.substr(0, colon) != "http") return WrongProxy("only http:// proxies are supported");
    rest.remove_prefix(colon + 3);
  }
  Proxy proxy;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = rest.substr(0, at);
    const auto colon = credentials.find(':');
    auto user = PercentDecode(credentials.substr(0, colon));
    auto password =
        PercentDecode(colon == std::string_view::npos ? "" : credentials.substr(colon + 1));
    if (!user || !password)
      return WrongProxy("user or password has a % without two hexadecimal digits");
    proxy.user = std::move(user).value();
    proxy.password = std::move(password).value();
    rest.remove_prefix(at + 1);
  }
  auto url = ParseUrl("http://" + std::string(rest));
  if (!url) return url.error().WithContext("proxy");
  if (url->target != "/") return WrongProxy("must not have a path");
  proxy.url = std::move(url).value();
  return proxy;
}

Result<ProxyRules> ProxyRules::FromEnvironment(const Environment& environment) {
  ProxyRules rules;
  auto https = Read(environment, {"https_proxy", "HTTPS_PROXY"});
  if (!https) return https.error();
  // A CGI's clients can set HTTP_PROXY through a request header.
  const bool cgi = environment("REQUEST_METHOD") != nullptr;
  auto http =
      cgi ? Read(environment, {"http_proxy"}) : Read(environment, {"http_proxy", "HTTP_PROXY"});
  if (!http) return http.error();
  rules.https_ = std::move(https).value();
  rules.http_ = std::move(http).value();

  const char* none = environment("no_proxy");
  if (none == nullptr || *none == '\0') none = environment("NO_PROXY");
  std::string rule;
  for (const char c : std::string_view(none == nullptr ? "" : none)) {
    if (c == ',') {
      if (!rule.empty()) rules.exclusions_.push_back(std::move(rule));
      rule.clear();
    } else if (c != ' ' && c != '\t') {
      rule += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (!rule.empty()) rules.exclusions_.push_back(std::move(rule));
  return rules;
}

bool ProxyRules::Excluded(const Url& url) const {
  if (url.host == "localhost" || (url.host_is_address && url.host.starts_with("127."))) return true;
  for (const auto& rule : exclusions_) {
    if (Matches(rule, url)) return true;
  }
  return false;
}

std::optional<Proxy> ProxyRules::For(const Url& url) const {
  const auto& proxy = url.secure() ? https_ : http_;
  return proxy && !Excluded(url) ? proxy : std::nullopt;
}

}  // namespace purser::net
