#include "usage/prometheus/prometheus_api.h"

#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

// So that an answer's first bytes are not handed on one by one.
constexpr std::size_t kPieceBytes = 64 << 10;
// The Date of an answer is cut to seconds, and an answer takes its time.
constexpr Duration kClocksAgree = std::chrono::seconds(2);
constexpr std::size_t kMostNames = 10'000;
constexpr std::int64_t kMostNameBytes = 4 << 20;

// "Fri, 27 Nov 2026 06:34:25 GMT"
std::optional<Timestamp> ParseHttpDate(std::string_view text) {
  std::tm parts{};
  const std::string date(text);
  if (strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
  const std::time_t seconds = timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return Timestamp(std::chrono::seconds(seconds));
}

}  // namespace

void PrometheusApi::LearnTime(const net::HttpResponse& response) {
  const auto date = ParseHttpDate(response.Header("date"));
  if (!date) return;
  const Duration ahead = *date + std::chrono::milliseconds(500) - clock_.Now();
  if (ahead > -kClocksAgree && ahead < kClocksAgree) {
    ahead_ = {};
    return;
  }
  // Only what changes by more than the header's grain is worth moving for.
  if (ahead - ahead_ > -kClocksAgree && ahead - ahead_ < kClocksAgree) return;
  ahead_ = std::chrono::floor<std::chrono::seconds>(ahead);
  spdlog::warn("source at {} is {} s {} this operator's clock: spend is read by its clock",
               config_.url, std::abs(ahead_.count()) / 1000,
               ahead_ > Duration::zero() ? "ahead of" : "behind");
}

Result<net::HttpResponse> PrometheusApi::Exchange(const net::HttpRequest& request,
                                                  const net::HttpTransport::OnPiece& on_piece,
                                                  std::stop_token stop) {
  ++queries_;
  // Between two pieces the transport waits `timeout`; the exchange as a whole must not drag on.
  const auto deadline = std::chrono::steady_clock::now() + 2 * request.timeout;
  auto response = transport_.Stream(
      request,
      [&](std::string_view piece) -> Result<bool> {
        if (std::chrono::steady_clock::now() > deadline)
          return Error(ErrorCode::kTimeout, "the answer takes longer than twice the time-out");
        return on_piece(piece);
      },
      std::move(stop));
  if (response) LearnTime(*response);
  return response;
}

std::variant<AnswerEnd, Problem> PrometheusApi::Query(const std::string& expression, Timestamp at,
                                                      AnswerParser::Kind kind,
                                                      const AnswerParser::Handlers& handlers,
                                                      std::stop_token stop) {
  auto query = MakeQuery(config_, expression, at);
  if (auto* problem = std::get_if<Problem>(&query)) return std::move(*problem);
  auto& request = std::get<net::HttpRequest>(query);
  request.piece_bytes = kPieceBytes;
  AnswerParser parser(kind, handlers, config_.max_response_bytes);
  Status fed = Ok();
  auto response = Exchange(
      request,
      [&](std::string_view piece) -> Result<bool> {
        fed = parser.Feed(piece);
        if (!fed.ok()) return fed.error();
        return true;
      },
      std::move(stop));
  if (!fed.ok() && fed.error().code() == ErrorCode::kCorrupt) {
    return Problem{reason::kBadAnswer,
                   "not an answer of Prometheus' API: " + fed.error().message() +
                       "; check what answers at sources[].prometheus.url",
                   ErrorCode::kCorrupt};
  }
  if (!fed.ok()) return FromTransport(config_, fed.error());
  if (!response) return FromTransport(config_, response.error());
  if (auto problem = CheckResponse(config_, *response)) return std::move(*problem);
  auto end = parser.End();
  if (std::holds_alternative<AnswerEnd>(end)) figures_ = parser.figures();
  return end;
}

std::variant<bool, Problem> PrometheusApi::HasSeries(const std::string& expression, Timestamp at,
                                                     std::stop_token stop) {
  auto query = MakeQuery(config_, expression, at);
  if (auto* problem = std::get_if<Problem>(&query)) return std::move(*problem);
  bool any = false;
  AnswerParser::Handlers handlers;
  handlers.on_labels = [&](std::span<const Label>) {
    any = true;
    return AnswerParser::Values::kLeaveOut;
  };
  AnswerParser parser(AnswerParser::Kind::kVector, std::move(handlers), config_.max_response_bytes);
  auto response = Exchange(
      std::get<net::HttpRequest>(query),
      [&](std::string_view piece) -> Result<bool> {
        PURSER_RETURN_IF_ERROR(parser.Feed(piece));
        return !any;
      },
      std::move(stop));
  if (!response) return FromTransport(config_, response.error());
  if (auto problem = CheckResponse(config_, *response)) return std::move(*problem);
  if (any) return true;
  auto end = parser.End();
  if (auto* problem = std::get_if<Problem>(&end)) return std::move(*problem);
  return false;
}

std::vector<std::string> PrometheusApi::MetricNames(const std::string& label, Timestamp since,
                                                    std::stop_token stop) {
  std::vector<std::string> names;
  auto query = MakeMetricNamesQuery(config_, label, since, Now());
  if (std::holds_alternative<Problem>(query)) return names;
  auto& request = std::get<net::HttpRequest>(query);
  request.max_body_bytes = kMostNameBytes;
  ++queries_;
  auto response = transport_.Send(request, std::move(stop));
  if (!response || response->status != 200) return names;
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::array data;
  if (parser.parse(response->body).get(document) != simdjson::SUCCESS ||
      document["data"].get(data) != simdjson::SUCCESS)
    return names;
  for (const auto name : data) {
    std::string_view text;
    if (names.size() == kMostNames) break;
    if (name.get(text) == simdjson::SUCCESS) names.emplace_back(Printable(text, 200));
  }
  return names;
}

}  // namespace purser::usage
