// The URLs Purser sends requests to: checked once, strictly, before any library sees them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::net {

struct Url {
  std::string scheme;  // http or https, lower case
  std::string host;    // lower case; a name or a dotted IPv4 address
  std::uint16_t port = 0;
  std::string target = "/";  // path and query, as given
  bool host_is_address = false;

  bool secure() const { return scheme == "https"; }
  // scheme://host:port, the port always there.
  std::string Origin() const;
};

// http(s)://host[:port][/path][?query]. Error kInvalidArgument: anything else, among it user
// information, fragments, characters that should have been percent-encoded, IPv6 literals (the HTTP
// library cannot connect to them: use a name).
Result<Url> ParseUrl(std::string_view text);

// Percent-encodes everything but unreserved characters of RFC 3986.
std::string PercentEncode(std::string_view text);
// Error kInvalidArgument: % without two hexadecimal digits.
Result<std::string> PercentDecode(std::string_view text);

}  // namespace purser::net
