#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace purser {
namespace {

constexpr std::size_t kLongestHost = 253;
constexpr std::size_t kLongestLabel = 63;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool IsHexadecimal(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool IsAddress(int family, const std::string& text) {
  in6_addr large_enough{};
  return text.find('\0') == std::string::npos &&
         inet_pton(family, text.c_str(), &large_enough) == 1;
}

bool IsIpv6WithZone(std::string_view text) {
  const auto percent = text.find('%');
  if (percent != std::string_view::npos) {
    const auto zone = text.substr(percent + 1);
    const auto inner = [](char c) { return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.'; };
    if (zone.empty() || !std::ranges::all_of(zone, inner)) return false;
  }
  return IsAddress(AF_INET6, std::string(text.substr(0, percent)));
}

bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > kLongestHost) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (host[i] == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
    } else {
      if (!IsAlphanumeric(host[i]) && host[i] != '-' && host[i] != '_') return false;
      if (label == 0 && host[i] == '-') return false;
      if (++label > kLongestLabel) return false;
    }
  }
  return host.back() != '-';  // a final dot (a fully qualified name) is fine
}

}  // namespace

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  constexpr std::size_t kMostDigits = 5;
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, port);
  if (text.size() > kMostDigits || problem != std::errc() || rest != end) return std::nullopt;
  return port;
}

std::optional<ListenAddress> ParseListenAddress(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParsePort(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return ListenAddress{"0.0.0.0", *port};
  if (host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (!IsIpv6WithZone(host)) return std::nullopt;
  } else if (!IsAddress(AF_INET, std::string(host))) {
    return std::nullopt;
  }
  return ListenAddress{std::string(host), *port};
}

HostKind ClassifyHost(std::string_view host) {
  if (!IsHostName(host)) return HostKind::kWrongName;
  const auto last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0: all of it
  if (last.empty() || !std::ranges::all_of(last, IsDigit)) return HostKind::kName;
  return IsAddress(AF_INET, std::string(host)) ? HostKind::kIpv4 : HostKind::kWrongIpv4;
}

bool IsUrlTarget(std::string_view text) {
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

}  // namespace purser
