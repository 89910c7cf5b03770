// An HttpTransport that answers the query API from samples in memory: range selectors `x[Nms]` and
// `last_over_time(x[Nms])`, whatever x is but for start times. Samples may become visible late;
// answers may be replaced.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "money/money.h"
#include "net/http_transport.h"

namespace purser::support {

class FakePrometheus final : public net::HttpTransport {
 public:
  struct Point {
    Timestamp at;
    Money value;
    Timestamp visible;
  };

  // `labels` as JSON: {"agent":"a"}. In the order of time.
  void Add(const std::string& labels, Timestamp at, Money value,
           std::optional<Timestamp> visible = {}) {
    const std::lock_guard lock(mutex_);
    series_[labels].push_back({at, value, visible.value_or(at)});
  }

  // A prepared answer takes the place of the true one; nothing: the true one.
  std::function<std::optional<Result<net::HttpResponse>>(const net::HttpRequest&)> intercept;
  // The time of the server, for what is visible; by default the query's own.
  std::function<Timestamp()> now;

  int queries() const {
    const std::lock_guard lock(mutex_);
    return queries_;
  }
  std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

  Result<net::HttpResponse> Send(const net::HttpRequest& request, std::stop_token) override {
    const std::lock_guard lock(mutex_);
    ++queries_;
    if (bodies_.size() < 1000) bodies_.push_back(request.body);
    if (intercept) {
      if (auto prepared = intercept(request)) return std::move(*prepared);
    }
    if (request.method == "GET") return Ok200(R"({"status":"success","data":[]})");
    if (request.body.find("process_start_time_seconds") != std::string::npos)
      return net::HttpResponse{200, headers, StartTimes(TimeOf(request.body))};
    return net::HttpResponse{200, headers, Answer(request.body)};
  }

  Result<net::HttpResponse> Stream(const net::HttpRequest& request, const OnPiece& on_piece,
                                   std::stop_token stop) override {
    auto response = Send(request, std::move(stop));
    if (!response || response->status != 200) return response;
    const std::string body = std::exchange(response->body, {});
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      const auto goes_on = on_piece(std::string_view(body).substr(at, kPiece));
      if (!goes_on) return goes_on.error();
      if (!*goes_on) break;
    }
    return response;
  }

  // Of every answer, such as {"date", "Fri, 27 Nov 2026 06:34:25 GMT"}.
  net::HttpHeaders headers;
  // By instance label: the starts that process_start_time_seconds tells, the last one at a time.
  std::map<std::string, std::set<Timestamp>> started;

  static net::HttpResponse Ok200(std::string body) { return {200, {}, std::move(body)}; }

 private:
  static constexpr std::size_t kPiece = 1000;

  static Timestamp TimeOf(const std::string& form) {
    const double seconds = std::stod(form.substr(form.find("&time=") + 6));
    return Timestamp{Duration(static_cast<std::int64_t>(seconds * 1000 + 0.5))};
  }

  std::string StartTimes(Timestamp at) const {
    std::string result;
    for (const auto& [instance, starts] : started) {
      const auto after = starts.upper_bound(at);
      if (after == starts.begin()) continue;
      if (!result.empty()) result += ",";
      result += R"({"metric":{"__name__":"process_start_time_seconds","instance":")" + instance +
                R"("},"value":[0,")" + Seconds(*std::prev(after)) + "\"]}";
    }
    return R"({"status":"success","data":{"resultType":"vector","result":[)" + result + "]}}";
  }

  static std::string Seconds(Timestamp time) {
    const auto milliseconds = time.time_since_epoch().count();
    std::string fraction = std::to_string(milliseconds % 1000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return std::to_string(milliseconds / 1000) + "." + fraction;
  }

  static std::string Pair(Timestamp at, Money value) {
    return "[" + Seconds(at) + ",\"" + value.ToDecimal() + "\"]";
  }

  // Left-open ranges, as from Prometheus 3.
  std::string Answer(const std::string& form) const {
    const Timestamp end = TimeOf(form);
    const bool baseline = form.find("last_over_time") != std::string::npos;
    const auto open = form.find("%5B");
    const Duration reach(std::stoll(form.substr(open + 3)));
    const Timestamp visible = now ? now() : end;
    std::string result;
    for (const auto& [labels, points] : series_) {
      std::string values;
      const auto after = [](Timestamp time, const Point& point) { return time < point.at; };
      const auto last = std::upper_bound(points.begin(), points.end(), end, after);
      for (auto i = std::upper_bound(points.begin(), points.end(), end - reach, after); i < last;
           ++i) {
        const Point& point = *i;
        if (point.visible > visible) continue;
        if (baseline) values.clear();
        if (!values.empty()) values += ",";
        values += Pair(baseline ? end : point.at, point.value);
      }
      if (values.empty()) continue;
      if (!result.empty()) result += ",";
      result += R"({"metric":)" + labels +
                (baseline ? R"(,"value":)" + values : R"(,"values":[)" + values + "]") + "}";
    }
    return std::string(R"({"status":"success","data":{"resultType":")") +
           (baseline ? "vector" : "matrix") + R"(","result":[)" + result + "]}}";
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Point>> series_;
  std::vector<std::string> bodies_;
  int queries_ = 0;
};

}  // namespace purser::support
