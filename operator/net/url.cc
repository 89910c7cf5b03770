#include "net/url.h"

#include <algorithm>
#include <charconv>

#include "base/address.h"

namespace purser::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 64 << 10;

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

Error Wrong(std::string_view text, std::string_view why) {
  // What stands before @ is a password as likely as not, wherever the URL goes wrong.
  if (text.find('@') != std::string_view::npos) text = {};
  // No query in the message: it may hold what should not be logged.
  std::string shown(text.substr(0, std::min(text.find('?'), std::size_t{200})));
  std::ranges::replace_if(
      shown, [](char c) { return c < ' ' || c > '~'; }, '?');
  return Error(ErrorCode::kInvalidArgument, "URL '" + shown + "': " + std::string(why));
}

}  // namespace

std::string Url::Origin() const { return scheme + "://" + host + ":" + std::to_string(port); }

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return Wrong(text, "longer than 65536 bytes");
  const auto colon = text.find("://");
  Url url;
  if (colon != std::string_view::npos) url.scheme = Lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https")
    return Wrong(text, "must begin with http:// or https://");

  std::string_view rest = text.substr(colon + 3);
  const auto end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  if (authority.find('@') != std::string_view::npos) {
    return Wrong(text, "user and password do not belong in a URL; configure credentials instead");
  }
  if (authority.starts_with('[')) {
    return Wrong(text, "IPv6 addresses are not supported; use a host name that resolves to it");
  }
  url.port = url.secure() ? 443 : 80;
  if (const auto port_colon = authority.find(':'); port_colon != std::string_view::npos) {
    const auto port = ParsePort(authority.substr(port_colon + 1));
    if (!port || *port == 0) return Wrong(text, "the port must be a number from 1 to 65535");
    url.port = *port;
    authority = authority.substr(0, port_colon);
  }
  switch (ClassifyHost(authority)) {
    case HostKind::kWrongName:
      return Wrong(text, "the host is not a valid name or IPv4 address");
    case HostKind::kWrongIpv4:
      return Wrong(text, "the host is not a valid IPv4 address");
    case HostKind::kIpv4:
      url.host_is_address = true;
      break;
    case HostKind::kName:
      break;
  }
  url.host = Lower(authority);
  if (rest.find('#') != std::string_view::npos) return Wrong(text, "has a fragment (#)");
  if (!IsUrlTarget(rest)) return Wrong(text, "has a character that must be percent-encoded");
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (IsAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    const char* const end = text.data() + std::min(i + 3, text.size());
    if (std::from_chars(digits, end, value, 16).ptr != text.data() + i + 3) {
      return Error(ErrorCode::kInvalidArgument, "% must be followed by two hexadecimal digits");
    }
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace purser::net
