#include "usage/prometheus/poller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "usage/prometheus/problem.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

constexpr Duration kShortestInterval = std::chrono::seconds(1);
constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr Duration kLongestBackoff = std::chrono::seconds(60);
constexpr int kBackoffIntervals = 4;
constexpr Duration kProgressEvery = std::chrono::seconds(5);
constexpr std::int64_t kMinutesBetweenFolds = ledger::kMinutesPerQuarter;

Duration ConfiguredInterval(const api::PrometheusConfig& config) {
  return std::max(config.interval.value_or(config.scrape_interval), kShortestInterval);
}

}  // namespace

class PrometheusPoller::Implementation {
 public:
  Implementation(const api::SourceConfig& config, net::HttpTransport& transport,
                 ledger::Ledger& ledger, ledger::Store& store, Clock& clock)
      : source_(config),
        transport_(transport),
        ledger_(ledger),
        store_(store),
        clock_(clock),
        configured_(ConfiguredInterval(config.prometheus)),
        interval_(configured_) {}

  Status Run(std::stop_token stop) {
    PrometheusReader reader(source_, transport_, ledger_, store_, clock_);
    int failures = 0;
    while (!stop.stop_requested()) {
      const Timestamp began = clock_.Now();
      const ReadOutcome outcome = reader.Read(Interval(), stop);
      if (stop.stop_requested()) break;
      {
        const std::lock_guard lock(mutex_);
        figures_ = reader.figures();
      }
      if (outcome.problem) {
        TellProblem(*outcome.problem, reader);
        if (outcome.problem->code == ErrorCode::kFenced)
          return Error(ErrorCode::kFenced, outcome.problem->message);
        Wait(clock_.Now() + Backoff(++failures), false, stop);
        continue;
      }
      if (failures > 0) spdlog::info("source={} answers again", source_.name);
      failures = 0;
      if (!outcome.caught_up) {
        TellProgress(reader);
        continue;
      }
      TellCaughtUp(outcome, reader);
      TellOddSeries(reader.figures());
      Fold(reader);
      RelaxInterval();
      Wait(began + Interval(), true, stop);
    }
    return Ok();
  }

  void RequestInterval(Duration interval) {
    const std::lock_guard lock(mutex_);
    const Duration wanted = std::clamp(interval, kShortestInterval, configured_);
    requested_ = true;
    if (wanted == interval_) return;
    interval_ = wanted;
    wake_.notify_all();
  }

  PollFigures Figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
  }

 private:
  Duration Interval() const {
    const std::lock_guard lock(mutex_);
    return interval_;
  }

  // A short interval lasts as long as it is asked for again: after a poll without a request it
  // doubles.
  void RelaxInterval() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(requested_, false)) interval_ = std::min(configured_, 2 * interval_);
  }

  // Until `deadline` or stop. `adaptable`: a new interval moves the deadline.
  void Wait(Timestamp deadline, bool adaptable, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const Timestamp began = clock_.Now();
    const Duration longest = std::max(deadline - began, Duration::zero());
    Duration interval = interval_;
    while (!stop.stop_requested()) {
      const Timestamp now = clock_.Now();
      if (adaptable && interval != interval_) {
        deadline += interval_ - interval;
        interval = interval_;
      }
      if (now >= deadline) break;
      // A clock set back must not make the wait longer.
      deadline = std::min(deadline, now + std::max(longest, interval_));
      clock_.WaitUntil(lock, wake_, deadline, stop);
    }
  }

  Duration Backoff(int failures) {
    const Duration most = std::min(kLongestBackoff, kBackoffIntervals * configured_);
    Duration delay = kFirstBackoff;
    for (int i = 1; i < failures && delay < most; ++i) delay *= 2;
    delay = std::min(delay, most);
    std::uniform_int_distribution<Duration::rep> jitter(delay.count() / 2, delay.count());
    return Duration(jitter(random_));
  }

  void Tell(ledger::SourceHealth::State state, std::string_view why, std::string message,
            const PrometheusReader& reader) {
    ledger::SourceHealth health;
    health.state = state;
    health.reason = why;
    health.message = std::move(message);
    health.last_read = last_read_;
    health.gap = reader.gap();
    if (health.state != told_.state || health.reason != told_.reason ||
        health.message != told_.message) {
      const auto level =
          state == ledger::SourceHealth::State::kLost ? spdlog::level::warn : spdlog::level::info;
      spdlog::log(level, "source={} state={} reason={} message=\"{}\"", source_.name,
                  state == ledger::SourceHealth::State::kHealthy ? "healthy"
                  : state == ledger::SourceHealth::State::kLost  ? "lost"
                                                                 : "never-read",
                  health.reason, health.message);
    }
    told_ = health;
    ledger_.SetHealth(source_.name, std::move(health));
  }

  void TellProblem(const Problem& problem, const PrometheusReader& reader) {
    Tell(ledger::SourceHealth::State::kLost, problem.reason, problem.message, reader);
  }

  void TellProgress(const PrometheusReader& reader) {
    const auto figures = reader.figures();
    const auto now = std::chrono::steady_clock::now();
    if (now - last_progress_ >= kProgressEvery && figures.complete_until) {
      last_progress_ = now;
      const auto left =
          std::chrono::duration_cast<std::chrono::minutes>(clock_.Now() - *figures.complete_until);
      spdlog::info("source={} reading history, {} min left, series={}", source_.name, left.count(),
                   figures.series);
    }
    const auto state =
        last_read_ ? ledger::SourceHealth::State::kLost : ledger::SourceHealth::State::kNeverRead;
    Tell(state, reason::kReadingHistory, "spend since the last complete reading is being read",
         reader);
  }

  void TellCaughtUp(const ReadOutcome& outcome, const PrometheusReader& reader) {
    last_read_ = clock_.Now();
    if (!outcome.suspended_series.empty()) {
      Tell(ledger::SourceHealth::State::kLost, reason::kDuplicateWriters,
           "several writers share the series " + outcome.suspended_series +
               ": its value goes up and down, so its spend cannot be told and is not booked; give "
               "each "
               "writer a label of its own (such as pod or instance)",
           reader);
    } else if (!reader.any_series()) {
      // Nothing spent, or a name mistyped: it must not pass for zero.
      Tell(ledger::SourceHealth::State::kNeverRead, reason::kNoSeries,
           "no series of " + Printable(source_.prometheus.metric, 200) +
               " exists yet: if agents spend already, check sources[].prometheus.metric and url",
           reader);
    } else {
      Tell(ledger::SourceHealth::State::kHealthy, {}, {}, reader);
    }
  }

  // Spend that no budget of an agent counts is not an error of the source, but must not pass
  // unseen.
  void TellOddSeries(const PollFigures& figures) {
    if (const auto count = figures.unattributed_series;
        std::exchange(told_unattributed_, count) != count && count > 0) {
      spdlog::warn(
          "source={} {} of {} series tell no namespace or no agent: what they cost is in no "
          "agent's budget; add the labels where the metric is made, or name others in "
          "sources[].prometheus.labels",
          source_.name, count, figures.series);
    }
    if (const auto count = figures.shortened_series;
        std::exchange(told_shortened_, count) != count && count > 0) {
      spdlog::warn("source={} {} of {} series have a label longer than {} bytes, kept shortened",
                   source_.name, count, figures.series, ledger::kLongestName);
    }
  }

  // Not beyond the newest sample: a clock that went ahead must not make what is known old.
  void Fold(const PrometheusReader& reader) {
    const auto newest = reader.figures().newest_sample;
    if (!newest) return;
    const Timestamp now = std::min(clock_.Now(), *newest);
    const std::int64_t quarter = ledger::MinuteOf(now) / kMinutesBetweenFolds;
    if (quarter == folded_quarter_) return;
    folded_quarter_ = quarter;
    const auto folded = store_.Fold(now);
    if (!folded.ok()) {
      spdlog::warn("source={} folding old buckets failed, will be tried again: {}", source_.name,
                   folded.error().message());
    }
  }

  const api::SourceConfig source_;
  net::HttpTransport& transport_;
  ledger::Ledger& ledger_;
  ledger::Store& store_;
  Clock& clock_;
  const Duration configured_;

  // Run's thread only.
  std::minstd_rand random_{std::random_device{}()};
  std::optional<Timestamp> last_read_;
  ledger::SourceHealth told_;
  std::chrono::steady_clock::time_point last_progress_;
  std::int64_t folded_quarter_ = 0;
  std::int64_t told_unattributed_ = 0;
  std::int64_t told_shortened_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  Duration interval_;
  bool requested_ = false;  // since the last poll
  PollFigures figures_;
};

PrometheusPoller::PrometheusPoller(const api::SourceConfig& config, net::HttpTransport& transport,
                                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock)
    : implementation_(std::make_unique<Implementation>(config, transport, ledger, store, clock)) {}

PrometheusPoller::~PrometheusPoller() = default;

Status PrometheusPoller::Run(std::stop_token stop) { return implementation_->Run(std::move(stop)); }

void PrometheusPoller::RequestInterval(Duration interval) {
  implementation_->RequestInterval(interval);
}

PollFigures PrometheusPoller::Figures() const { return implementation_->Figures(); }

}  // namespace purser::usage
