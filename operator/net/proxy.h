// Which proxy a request goes through.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/url.h"

namespace purser::net {

struct Proxy {
  Url url;  // http only: the connection to the proxy itself is not encrypted
  std::string user;
  std::string password;
};

// "http://[user:password@]host[:port]"; without a scheme, http is meant. Error kInvalidArgument:
// another scheme, or not a URL. The message never holds the password.
Result<Proxy> ParseProxy(std::string_view text);

// HTTPS_PROXY, HTTP_PROXY and NO_PROXY by the usual rules: lower case wins; HTTP_PROXY in upper
// case is ignored in a CGI (REQUEST_METHOD set); NO_PROXY lists host names (with their subdomains),
// ".suffixes", addresses, CIDR ranges, each with an optional :port, or "*". Loopback is never
// proxied. Immutable.
class ProxyRules {
 public:
  using Environment = std::function<const char*(const char* name)>;
  static Result<ProxyRules> FromEnvironment(const Environment& environment);

  std::optional<Proxy> For(const Url& url) const;

 private:
  bool Excluded(const Url& url) const;

  std::optional<Proxy> http_;
  std::optional<Proxy> https_;
  std::vector<std::string> exclusions_;
};

}  // namespace purser::net
