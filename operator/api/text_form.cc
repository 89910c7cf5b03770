#include "api/text_form.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/address.h"
#include "base/pattern.h"
#include "base/utf8.h"

namespace purser::api {
namespace {

constexpr std::size_t kLongestText = 32'768;
constexpr std::size_t kLongestSubdomain = 253;
constexpr std::size_t kLongestLabel = 63;
constexpr std::size_t kLongestAgentName = 128;
constexpr std::size_t kLongestTimeZone = 64;
constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kLongestSelector = 2048;
constexpr std::size_t kLongestHeader = 1024;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return IsLower(c) || IsUpper(c); }
bool IsControl(char c) { return (static_cast<unsigned char>(c) < 0x20) || c == '\x7f'; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

template <typename Predicate>
bool All(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

bool IsDnsPart(std::string_view part) {
  const auto inner = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
  return !part.empty() && part.front() != '-' && part.back() != '-' && All(part, inner);
}

// Calls `visit` with every piece between separators; false as soon as one visit is.
template <typename Visit>
bool EachPiece(std::string_view text, char separator, Visit visit) {
  while (true) {
    const auto end = text.find(separator);
    if (!visit(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

std::size_t CountCharacters(std::string_view text) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts));
}

// A Prometheus metric name.
bool IsMetricName(std::string_view text) {
  const auto inner = [](char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == ':'; };
  return !text.empty() && !IsDigit(text.front()) && All(text, inner);
}

// "{…}" with quotes closed and nothing behind the brace.
bool IsBraced(std::string_view text) {
  if (text.size() < 2 || text.front() != '{') return false;
  char quote = '\0';
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\' && quote != '`') ++i;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '}') {
      return i + 1 == text.size();
    } else if (c == '{' || c == '(' || c == '[') {
      return false;
    }
  }
  return false;
}

}  // namespace

std::string AnyText(std::string_view text) {
  return text.size() <= kLongestText ? "" : "want at most 32768 bytes";
}

std::string AgentName(std::string_view text) {
  const bool fine = !text.empty() && CountCharacters(text) <= kLongestAgentName &&
                    !IsSpace(text.front()) && !IsSpace(text.back()) &&
                    std::none_of(text.begin(), text.end(), IsControl);
  return fine ? "" : "want 1 to 128 characters, no control characters, no spaces at either end";
}

std::string DnsSubdomain(std::string_view text) {
  const bool fine = text.size() <= kLongestSubdomain && EachPiece(text, '.', IsDnsPart);
  return fine ? ""
              : "want an object's name: lower-case letters, digits, \"-\" and \".\", up to 253";
}

std::string DnsLabel(std::string_view text) {
  const bool fine = text.size() <= kLongestLabel && IsDnsPart(text);
  return fine ? "" : "want a name of lower-case letters, digits and \"-\", up to 63";
}

std::string PoolName(std::string_view text) {
  if (text == "*" || DnsSubdomain(text).empty()) return "";
  return "want the name of an AgentPool, or \"*\" alone for the whole namespace";
}

std::string ConfigMapKey(std::string_view text) {
  const auto inner = [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
  };
  const bool fine = !text.empty() && text.size() <= kLongestSubdomain && text != "." &&
                    text != ".." && All(text, inner);
  return fine ? "" : "want a key of letters, digits, \"-\", \"_\" and \".\", up to 253";
}

std::string TimeZoneName(std::string_view text) {
  const auto inner = [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '_' || c == '+' || c == '-';
  };
  const auto piece = [&](std::string_view part) { return !part.empty() && All(part, inner); };
  const bool fine = !text.empty() && text.size() <= kLongestTimeZone && IsLetter(text.front()) &&
                    std::count(text.begin(), text.end(), '/') <= 2 && EachPiece(text, '/', piece);
  return fine ? "" : "want an IANA time zone such as \"America/New_York\" or \"UTC\"";
}

std::string ApiVersionName(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view version = slash == std::string_view::npos ? text : text.substr(slash + 1);
  const bool fine = DnsLabel(version).empty() && (slash == std::string_view::npos ||
                                                  DnsSubdomain(text.substr(0, slash)).empty());
  return fine ? "" : "want an API version such as \"apps/v1\"";
}

std::string LabelText(std::string_view text) {
  const auto outer = [](char c) { return IsLetter(c) || IsDigit(c); };
  const auto inner = [&](char c) { return outer(c) || c == '-' || c == '_' || c == '.'; };
  const bool fine = text.empty() || (text.size() <= kLongestLabel && outer(text.front()) &&
                                     outer(text.back()) && All(text, inner));
  return fine ? "" : "want a label's value: letters, digits, \"-\", \"_\" and \".\", up to 63";
}

std::string LabelKey(std::string_view text) {
  const auto slash = text.find('/');
  const bool prefixed = slash != std::string_view::npos;
  const auto name = prefixed ? text.substr(slash + 1) : text;
  const bool fine = !name.empty() && LabelText(name).empty() &&
                    (!prefixed || DnsSubdomain(text.substr(0, slash)).empty());
  return fine ? "" : "want a label's name such as \"app\" or \"purser.dev/pool\"";
}

std::string KindName(std::string_view text) {
  const auto inner = [](char c) { return IsLetter(c) || IsDigit(c); };
  const bool fine =
      !text.empty() && text.size() <= kLongestLabel && IsUpper(text.front()) && All(text, inner);
  return fine ? "" : "want a kind such as \"Deployment\"";
}

std::string FieldPointer(std::string_view text) {
  constexpr std::size_t kLongestPointer = 512;
  constexpr std::string_view kWant =
      "want a JSON pointer below /spec or /metadata/annotations, such as \"/spec/suspend\"";
  std::string_view rest = text;
  for (const std::string_view root : {"/spec/", "/metadata/annotations/"}) {
    if (rest.starts_with(root)) rest.remove_prefix(root.size() - 1);
  }
  if (text.size() > kLongestPointer || rest.size() == text.size() || rest.ends_with('/') ||
      rest.find("//") != std::string_view::npos || std::any_of(text.begin(), text.end(), IsControl))
    return std::string(kWant);
  for (auto at = rest.find('~'); at != std::string_view::npos; at = rest.find('~', at + 1)) {
    if (at + 1 == rest.size() || (rest[at + 1] != '0' && rest[at + 1] != '1'))
      return std::string(kWant);
  }
  return "";
}

std::string FilePath(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= kLongestPath &&
                    std::none_of(text.begin(), text.end(), IsControl);
  return fine ? "" : "want the path of a file, up to 4096 bytes";
}

std::string HostAndPort(std::string_view text) {
  return ParseListenAddress(text) ? "" : kListenAddressForm;
}

std::string HttpUrl(std::string_view text) {
  constexpr std::string_view kWant =
      "want a URL such as \"http://prometheus:9090\" or \"https://host/prefix\"";
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  if (text.size() > kLongestSelector || !All(text, printable)) return std::string(kWant);
  const auto scheme_end = text.find("://");
  const auto scheme = text.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return std::string(kWant);
  }
  text.remove_prefix(scheme_end + 3);
  if (text.find_first_of("?#") != std::string_view::npos) {
    return "want a URL without query or fragment; the API's path is added to it";
  }
  const auto authority = text.substr(0, text.find('/'));
  if (authority.find('@') != std::string_view::npos) {
    return "want a URL without user or password; use auth.basic or auth.bearerTokenFile";
  }
  if (authority.starts_with('[')) {
    return "want a name or an IPv4 address: the HTTP library cannot connect to an IPv6 address; "
           "use a name that resolves to it";
  }
  const auto colon = authority.find(':');
  if (colon != std::string_view::npos && ParsePort(authority.substr(colon + 1)).value_or(0) == 0)
    return "want a port from 1 to 65535";
  const auto host = ClassifyHost(authority.substr(0, colon));
  if (host == HostKind::kWrongIpv4)
    return "want an IPv4 address of four numbers from 0 to 255, or a name";
  if (host == HostKind::kWrongName) return std::string(kWant);
  if (!IsUrlTarget(text.substr(authority.size())))
    return "want the path's other characters percent-encoded, such as \"%7B\" for \"{\"";
  return "";
}

std::string MetricSelector(std::string_view text) {
  const auto name = text.substr(0, text.find('{'));
  const auto selector = text.substr(name.size());
  const bool fine = text.size() <= kLongestSelector &&
                    std::none_of(text.begin(), text.end(), IsControl) &&
                    (name.empty() || IsMetricName(name)) &&
                    (selector.empty() || IsBraced(selector)) && !text.empty() && text != "{}";
  return fine ? "" : "want a counter's name, optionally with a {selector}; not an expression";
}

std::string MetricName(std::string_view text) {
  const bool fine = text.size() <= kLongestAgentName && IsMetricName(text);
  return fine ? "" : "want a metric's name without a {selector}, up to 128 characters";
}

std::string LabelValue(std::string_view text) {
  const bool fine =
      text.size() <= kLongestHeader && std::none_of(text.begin(), text.end(), IsControl);
  return fine ? "" : "want a label's value: up to 1024 bytes, no control characters";
}

std::string RegularExpression(std::string_view text) {
  if (text.empty()) return "want a regular expression, such as \"svc-(.*)\"";
  const auto pattern = Pattern::Compile(text);
  return pattern.ok() ? "" : pattern.error().message();
}

std::string LabelName(std::string_view text) {
  const auto inner = [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; };
  const bool fine = !text.empty() && text.size() <= kLongestAgentName && !IsDigit(text.front()) &&
                    All(text, inner);
  return fine ? "" : "want a label's name: letters, digits and \"_\", not starting with a digit";
}

std::string HeaderName(std::string_view text) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  const auto inner = [&](char c) {
    return IsLetter(c) || IsDigit(c) || kSymbols.find(c) != std::string_view::npos;
  };
  if (text.empty() || text.size() > kLongestAgentName || !All(text, inner))
    return "want a header's name";
  // What the HTTP client itself decides, and secrets, which belong in files.
  constexpr std::array<std::string_view, 9> kOwn = {
      "authorization", "connection", "content-length", "content-type",     "cookie",
      "host",          "te",         "upgrade",        "transfer-encoding"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  if (std::find(kOwn.begin(), kOwn.end(), lower) == kOwn.end()) return "";
  return "is set by the operator itself; for credentials use bearerTokenFile or basic";
}

std::string HeaderValue(std::string_view text) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  const bool fine = !text.empty() && text.size() <= kLongestHeader && All(text, printable);
  return fine ? "" : "want 1 to 1024 printable ASCII characters";
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
  constexpr std::size_t kMostDigits = 9;
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const auto digits = static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin());
    if (digits == 0 || digits > kMostDigits) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : text.substr(0, digits)) value = value * 10 + (c - '0');
    text.remove_prefix(digits);
    const auto name_size =
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), IsDigit) - text.begin());
    const auto unit =
        std::find_if(kUnits.begin() + static_cast<std::ptrdiff_t>(next_unit), kUnits.end(),
                     [&](const auto& u) { return u.first == text.substr(0, name_size); });
    if (unit == kUnits.end()) return std::nullopt;
    total += value * unit->second;
    next_unit = static_cast<std::size_t>(unit - kUnits.begin()) + 1;
    text.remove_prefix(name_size);
  }
  return std::chrono::milliseconds(total);
}

std::string DurationText(std::chrono::milliseconds duration) {
  const auto milliseconds = duration.count();
  if (milliseconds % 3'600'000 == 0) return std::to_string(milliseconds / 3'600'000) + "h";
  if (milliseconds % 60'000 == 0) return std::to_string(milliseconds / 60'000) + "m";
  if (milliseconds % 1'000 == 0) return std::to_string(milliseconds / 1'000) + "s";
  return std::to_string(milliseconds) + "ms";
}

std::string Visible(std::string_view text) {
  std::string visible(text);
  std::replace_if(visible.begin(), visible.end(), IsControl, '?');
  return visible;
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  const auto cut = CutUtf8(text, kShown);
  return "\"" + Visible(cut) + (cut.size() < text.size() ? "...\"" : "\"");
}

}  // namespace purser::api
