// Hosts, ports and addresses as text; no name is looked up. One place for who checks what a user
// wrote and for who connects and listens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace purser {

// A decimal number from 0 to 65535, up to five digits.
std::optional<std::uint16_t> ParsePort(std::string_view text);

// Where a server can listen.
struct ListenAddress {
  std::string ip;  // IPv4, or IPv6 without brackets and perhaps with a zone ("fe80::1%eth0")
  std::uint16_t port = 0;
};

inline constexpr const char* kListenAddressForm =
    "want ADDRESS:PORT with an IPv4 address, an [IPv6] address or none (all of IPv4), such as "
    "\"0.0.0.0:8080\"; names are not looked up";
std::optional<ListenAddress> ParseListenAddress(std::string_view text);

// What stands for the host in a URL. What ends in a number is an IPv4 address or nothing.
enum class HostKind { kName, kIpv4, kWrongName, kWrongIpv4 };
HostKind ClassifyHost(std::string_view host);

// What RFC 3986 allows in path and query, % only before two hexadecimal digits.
bool IsUrlTarget(std::string_view text);

}  // namespace purser
