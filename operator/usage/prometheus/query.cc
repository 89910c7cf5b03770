#include "usage/prometheus/query.h"

#include <simdjson.h>

#include <array>
#include <cstdio>
#include <utility>

#include "base/base64.h"
#include "base/small_file.h"
#include "net/url.h"

namespace purser::usage {
namespace {

constexpr std::size_t kLongestCredential = 64U << 10;
constexpr std::size_t kQuotedBody = 200;

std::variant<std::string, Problem> ReadCredential(const std::string& path, std::string_view what) {
  const auto refused = [&](std::string_view why) {
    return Problem{reason::kRefused,
                   std::string(what) + " " + path + ": " + std::string(why) +
                       "; check sources[].prometheus.auth and the mounted Secret",
                   ErrorCode::kUnauthenticated};
  };
  auto read = ReadSmallFile(path, kLongestCredential);
  if (!read) {
    switch (read.error().code()) {
      case ErrorCode::kResourceExhausted:
        return refused("is larger than 64 KiB");
      case ErrorCode::kUnavailable:
        return refused("cannot be read");
      default:
        return refused("cannot be opened");
    }
  }
  std::string text = std::move(*read);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  if (text.empty()) return refused("is empty");
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\0') return refused("has more than one line");
  }
  return text;
}

std::optional<Problem> AddCredentials(const api::PrometheusAuth& auth, net::HttpHeaders& headers) {
  if (!auth.bearer_token_file.empty()) {
    auto token = ReadCredential(auth.bearer_token_file, "the bearer token");
    if (auto* problem = std::get_if<Problem>(&token)) return std::move(*problem);
    headers.emplace_back("Authorization", "Bearer " + std::get<std::string>(token));
  } else if (!auth.basic_username.empty()) {
    std::string password;
    if (!auth.basic_password_file.empty()) {
      auto read = ReadCredential(auth.basic_password_file, "the password");
      if (auto* problem = std::get_if<Problem>(&read)) return std::move(*problem);
      password = std::move(std::get<std::string>(read));
    }
    headers.emplace_back("Authorization",
                         "Basic " + EncodeBase64(auth.basic_username + ":" + password));
  }
  for (const auto& [name, value] : auth.headers) headers.emplace_back(name, value);
  return std::nullopt;
}

// Prometheus' own error text; the beginning of the body when it is something else.
std::string ErrorText(std::string_view body) {
  try {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    std::string_view text;
    if (parser.parse(body.data(), body.size()).get(document) == simdjson::SUCCESS &&
        document["error"].get(text) == simdjson::SUCCESS) {
      return Printable(text, kQuotedBody);
    }
  } catch (const std::exception&) {
    // Out of memory at worst: the body is quoted as it is.
  }
  return body.empty() ? "empty answer" : "it said: " + Printable(body, kQuotedBody);
}

std::string ApiUrl(const api::PrometheusConfig& config, std::string_view path) {
  std::string url = config.url;
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url + "/api/v1/" + std::string(path);
}

std::string QueryUrl(const api::PrometheusConfig& config) { return ApiUrl(config, "query"); }

// As a regular expression inside a quoted string of PromQL.
std::string QuotedForRegex(std::string_view text) {
  constexpr std::string_view kSpecial = R"(\.+*?()|[]{}^$)";
  std::string quoted;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) quoted += R"(\\)";
    if (c == '\\') {
      quoted += R"(\\)";
    } else if (c == '"') {
      quoted += R"(\")";
    } else if (c == '\n') {
      quoted += R"(\n)";
    } else {
      quoted += c;
    }
  }
  return quoted;
}

}  // namespace

std::string RangeExpression(const std::string& metric, Duration reach) {
  return metric + "[" + std::to_string(reach.count()) + "ms]";
}

std::string LastExpression(const std::string& metric, Duration reach) {
  return "last_over_time(" + RangeExpression(metric, reach) + ")";
}

std::string Narrowed(const std::string& metric, const std::string& label,
                     const std::vector<std::string>& values) {
  std::string matcher = label + "=~\"";
  for (std::size_t i = 0; i < values.size(); ++i)
    matcher.append(i == 0 ? "" : "|").append(QuotedForRegex(values[i]));
  matcher += '"';
  if (metric.empty() || metric.back() != '}') return metric + "{" + matcher + "}";
  std::string narrowed = metric.substr(0, metric.size() - 1);
  const auto last = narrowed.find_last_not_of(" \t\n,");
  narrowed.resize(last + 1);
  if (narrowed.back() != '{') narrowed += ',';
  return narrowed + matcher + "}";
}

std::string FormatSeconds(Timestamp time) {
  const auto milliseconds = time.time_since_epoch().count();
  std::array<char, 40> text{};
  const int size = std::snprintf(text.data(), text.size(), "%lld.%03lld",
                                 static_cast<long long>(milliseconds / 1000),
                                 static_cast<long long>(milliseconds % 1000));
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::variant<net::HttpRequest, Problem> MakeQuery(const api::PrometheusConfig& config,
                                                  std::string_view expression, Timestamp at) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = QueryUrl(config);
  request.timeout = config.timeout;
  request.max_body_bytes = config.max_response_bytes;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  if (auto problem = AddCredentials(config.auth, request.headers)) return std::move(*problem);
  // A form writes a space as + or as %20.
  request.body = "query=" + net::PercentEncode(expression);
  request.body += "&time=" + FormatSeconds(at);
  request.body += "&timeout=" + std::to_string(config.timeout.count()) + "ms";
  return request;
}

std::variant<net::HttpRequest, Problem> MakeMetricNamesQuery(const api::PrometheusConfig& config,
                                                             const std::string& label,
                                                             Timestamp since, Timestamp until) {
  net::HttpRequest request;
  request.url = ApiUrl(config, "label/__name__/values") +
                "?match%5B%5D=" + net::PercentEncode("{" + label + "!=\"\"}") +
                "&start=" + FormatSeconds(since) + "&end=" + FormatSeconds(until);
  request.timeout = config.timeout;
  request.headers = {{"Accept", "application/json"}};
  if (auto problem = AddCredentials(config.auth, request.headers)) return std::move(*problem);
  return request;
}

std::optional<Problem> CheckResponse(const api::PrometheusConfig& config,
                                     const net::HttpResponse& response) {
  const int status = response.status;
  if (status == 200) return std::nullopt;
  const std::string what = "HTTP " + std::to_string(status) + " from " + QueryUrl(config) + ": ";
  const auto problem = [&](std::string_view why, std::string text, ErrorCode code) {
    return Problem{why, what + std::move(text), code};
  };
  if (status == 401 || status == 403) {
    return problem(reason::kRefused,
                   "the credentials are not accepted; check sources[].prometheus.auth",
                   status == 401 ? ErrorCode::kUnauthenticated : ErrorCode::kPermissionDenied);
  }
  if (status >= 300 && status < 400) {
    return problem(
        reason::kQueryFailed,
        "redirects are not followed; write the address itself in sources[].prometheus.url: " +
            Printable(response.Header("location"), kQuotedBody),
        ErrorCode::kInvalidArgument);
  }
  // VictoriaMetrics says 400 for a path that it does not have.
  const bool no_such_path =
      status == 400 && response.body.find("unsupported path") != std::string::npos;
  if (status == 404 || status == 405 || no_such_path) {
    return problem(reason::kQueryFailed,
                   "no Prometheus API there; sources[].prometheus.url ends before /api/v1",
                   ErrorCode::kNotFound);
  }
  if (status == 400 || status == 422) {
    return problem(reason::kQueryFailed,
                   ErrorText(response.body) + "; check sources[].prometheus.metric",
                   ErrorCode::kInvalidArgument);
  }
  if (status == 429 || status >= 500)
    return problem(reason::kUnreachable, ErrorText(response.body), ErrorCode::kUnavailable);
  return problem(reason::kQueryFailed, ErrorText(response.body), ErrorCode::kUnavailable);
}

Problem FromTransport(const api::PrometheusConfig& config, const Error& error) {
  if (error.code() == ErrorCode::kResourceExhausted) {
    return {reason::kIncomplete,
            "the answer is larger than " + std::to_string(config.max_response_bytes) +
                " bytes; narrow sources[].prometheus.metric with a selector, or raise "
                "maxResponseBytes",
            error.code()};
  }
  return {reason::kUnreachable,
          QueryUrl(config) + ": " + error.message() +
              "; check that Prometheus runs and that sources[].prometheus.url is right" +
              (config.url.starts_with("https:") ? ", and the files of sources[].prometheus.auth.tls"
                                                : ""),
          error.code()};
}

}  // namespace purser::usage
