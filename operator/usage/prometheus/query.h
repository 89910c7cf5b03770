// The queries sent to Prometheus, and what its HTTP status says. No connection is made here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "net/http_transport.h"
#include "usage/prometheus/problem.h"

namespace purser::usage {

// `metric{selector}[45000ms]`: every sample of the time before the query's own time.
std::string RangeExpression(const std::string& metric, Duration reach);

// `last_over_time(metric{selector}[3600000ms])`: the value each series had, the last within
// `reach`.
std::string LastExpression(const std::string& metric, Duration reach);

// `metric{selector}` narrowed to values of one label: `metric{selector,agent=~"a|b"}`. Values are
// quoted for a regular expression.
std::string Narrowed(const std::string& metric, const std::string& label,
                     const std::vector<std::string>& values);

// "1700000000.123": seconds, exactly.
std::string FormatSeconds(Timestamp time);

// POST /api/v1/query with an explicit time. Credentials are read from their files each time, so
// that rotated ones are used. Problem: kRefused when a file cannot be used.
std::variant<net::HttpRequest, Problem> MakeQuery(const api::PrometheusConfig& config,
                                                  std::string_view expression, Timestamp at);

// GET /api/v1/label/__name__/values of the series that have `label`, in [since, until].
std::variant<net::HttpRequest, Problem> MakeMetricNamesQuery(const api::PrometheusConfig& config,
                                                             const std::string& label,
                                                             Timestamp since, Timestamp until);

// Nothing when the answer's body may be read as a result.
std::optional<Problem> CheckResponse(const api::PrometheusConfig& config,
                                     const net::HttpResponse& response);

// What a failed exchange means.
Problem FromTransport(const api::PrometheusConfig& config, const Error& error);

}  // namespace purser::usage
