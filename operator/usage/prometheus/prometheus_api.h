// The HTTP API of one source: queries whose answers are read while they arrive, and its clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "net/http_transport.h"
#include "usage/prometheus/answer.h"
#include "usage/prometheus/problem.h"

namespace purser::usage {

// Not thread-safe. What it is given must outlive it.
class PrometheusApi {
 public:
  PrometheusApi(const api::PrometheusConfig& config, net::HttpTransport& transport, Clock& clock)
      : config_(config), transport_(transport), clock_(clock) {}

  // One query at `at`. The handlers may have been given part of an answer when a problem is
  // returned.
  std::variant<AnswerEnd, Problem> Query(const std::string& expression, Timestamp at,
                                         AnswerParser::Kind kind,
                                         const AnswerParser::Handlers& handlers,
                                         std::stop_token stop);

  // Whether an instant query has any series; reads no further than the first.
  std::variant<bool, Problem> HasSeries(const std::string& expression, Timestamp at,
                                        std::stop_token stop);

  // The names of the metrics that have a label `label` since `since`; empty when that cannot be
  // told: it is a hint for a message, not a reading.
  std::vector<std::string> MetricNames(const std::string& label, Timestamp since,
                                       std::stop_token stop);

  // Now, by the source's clock as far as its answers told it (they tell whole seconds): the
  // operator's own within two seconds.
  Timestamp Now() const { return clock_.Now() + ahead_; }
  // How far the source's clock is ahead of ours.
  Duration ahead() const { return ahead_; }

  std::uint64_t queries() const { return queries_; }
  const AnswerFigures& figures() const { return figures_; }  // of the last complete answer

 private:
  Result<net::HttpResponse> Exchange(const net::HttpRequest& request,
                                     const net::HttpTransport::OnPiece& on_piece,
                                     std::stop_token stop);
  void LearnTime(const net::HttpResponse& response);

  const api::PrometheusConfig& config_;
  net::HttpTransport& transport_;
  Clock& clock_;
  Duration ahead_{};
  std::uint64_t queries_ = 0;
  AnswerFigures figures_;
};

}  // namespace purser::usage
