#include "net/url.h"

#include <algorithm>
#include <charconv>

namespace purser::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 64 << 10;

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsHexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// What RFC 3986 allows in path and query, % only before two hexadecimal digits.
bool IsTarget(std::string_view text) {
  constexpr std::string_view kAllowed = "-._~!$&'()*+,;=:@/?";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !IsHexadecimal(text[i + 1]) || !IsHexadecimal(text[i + 2]))
        return false;
      i += 2;
    } else if (!IsAlphanumeric(text[i]) && kAllowed.find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool IsHost(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (host[i] == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
    } else {
      if (!IsAlphanumeric(host[i]) && host[i] != '-' && host[i] != '_') return false;
      if (label == 0 && host[i] == '-') return false;
      if (++label > 63) return false;
    }
  }
  return host.back() != '-';  // a final dot (a fully qualified name) is fine
}

// A host that looks like a number is an address or nothing: 0 = four parts of 0 to 255 as it should
// be.
enum class Dotted { kName, kAddress, kWrong };
Dotted ClassifyHost(std::string_view host) {
  const auto last_dot = host.find_last_of('.');
  const std::string_view last =
      last_dot == std::string_view::npos ? host : host.substr(last_dot + 1);
  if (last.empty() || last.find_first_not_of("0123456789") != std::string_view::npos)
    return Dotted::kName;
  int parts = 0;
  while (true) {
    const auto dot = host.find('.');
    const std::string_view part = host.substr(0, dot);
    if (part.empty() || part.size() > 3 ||
        part.find_first_not_of("0123456789") != std::string_view::npos) {
      return Dotted::kWrong;
    }
    if (part.size() > 1 && part[0] == '0') return Dotted::kWrong;
    int number = 0;
    std::from_chars(part.data(), part.data() + part.size(), number);
    if (number > 255) return Dotted::kWrong;
    ++parts;
    if (dot == std::string_view::npos) break;
    host.remove_prefix(dot + 1);
  }
  return parts == 4 ? Dotted::kAddress : Dotted::kWrong;
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
    const std::string_view digits = authority.substr(port_colon + 1);
    unsigned port = 0;
    const auto [parsed, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (problem != std::errc() || parsed != digits.data() + digits.size() || port == 0 ||
        port > 65535) {
      return Wrong(text, "the port must be a number from 1 to 65535");
    }
    url.port = static_cast<std::uint16_t>(port);
    authority = authority.substr(0, port_colon);
  }
  if (!IsHost(authority)) return Wrong(text, "the host is not a valid name or IPv4 address");
  url.host = Lower(authority);
  switch (ClassifyHost(url.host)) {
    case Dotted::kWrong:
      return Wrong(text, "the host is not a valid IPv4 address");
    case Dotted::kAddress:
      url.host_is_address = true;
      break;
    case Dotted::kName:
      break;
  }
  if (rest.find('#') != std::string_view::npos) return Wrong(text, "has a fragment (#)");
  if (!IsTarget(rest)) return Wrong(text, "has a character that must be percent-encoded");
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
    if (i + 2 >= text.size() || !IsHexadecimal(text[i + 1]) || !IsHexadecimal(text[i + 2])) {
      return Error(ErrorCode::kInvalidArgument, "% must be followed by two hexadecimal digits");
    }
    std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace purser::net
