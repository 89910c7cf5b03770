// The written forms of names and values: what the patterns in crds/ say, for the decoder.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace purser::api {

// A form says what it wants ("want a name such as \"research\""), or is empty when `text` is fine.
using TextForm = std::string (*)(std::string_view text);

std::string AnyText(std::string_view text);  // up to 32,768 bytes
std::string AgentName(
    std::string_view text);  // 1 to 128 characters, no control characters, trimmed
std::string DnsSubdomain(std::string_view text);    // RFC 1123, up to 253: an object's name
std::string DnsLabel(std::string_view text);        // RFC 1123, up to 63: a namespace's name
std::string PoolName(std::string_view text);        // DnsSubdomain or "*"
std::string ConfigMapKey(std::string_view text);    // letters, digits, "-", "_", ".", up to 253
std::string TimeZoneName(std::string_view text);    // the form of an IANA name, up to 64
std::string ApiVersionName(std::string_view text);  // "v1", "apps/v1"
std::string LabelKey(std::string_view text);        // of Kubernetes: "app", "purser.dev/pool"
std::string LabelText(std::string_view text);       // of Kubernetes: up to 63, may be empty
std::string KindName(std::string_view text);        // CamelCase, up to 63
// A JSON pointer below /spec or /metadata/annotations, up to 512 bytes.
std::string FieldPointer(std::string_view text);

// Of the configuration.
std::string FilePath(std::string_view text);
std::string HostAndPort(std::string_view text);  // "0.0.0.0:8080", ":8080", "[::]:8080"; no name
std::string HttpUrl(std::string_view text);      // http or https, a name or IPv4, no user, no query
std::string MetricSelector(std::string_view text);     // name, {selector} or both
std::string MetricName(std::string_view text);         // without a {selector}
std::string LabelName(std::string_view text);          // of Prometheus
std::string LabelValue(std::string_view text);         // of Prometheus: up to 1024 bytes
std::string RegularExpression(std::string_view text);  // of Pattern
std::string HeaderName(std::string_view text);
std::string HeaderValue(std::string_view text);

// "15s", "500ms", "24h", "1h30m": whole numbers of h, m, s, ms, largest unit first, each once.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

// As ParseDuration reads it, in one unit: "24h", "90m", "15s".
std::string DurationText(std::chrono::milliseconds duration);

// `text` with control characters shown as '?': messages are printed to terminals.
std::string Visible(std::string_view text);

// `text` in quotes, shortened to 60 bytes, control characters shown as '?': for messages.
std::string Quoted(std::string_view text);

}  // namespace purser::api
