#include "usage/prometheus/poller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "base/join.h"
#include "base/time_text.h"
#include "usage/attribution/nearest_names.h"
#include "usage/attribution/source_rules.h"
#include "usage/prometheus/problem.h"
#include "usage/prometheus/reader.h"

namespace purser::usage {
namespace {

constexpr Duration kShortestInterval = std::chrono::seconds(1);
constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr Duration kLongestBackoff = std::chrono::seconds(60);
constexpr int kBackoffIntervals = 4;
constexpr Duration kProgressEvery = std::chrono::seconds(5);
constexpr int kRestFactor = 5;
constexpr int kFailuresToTell = 3;
constexpr Duration kFailingToTell = std::chrono::minutes(1);
constexpr Duration kReportEvery = std::chrono::seconds(10);
// No sample for so many scrapes, and for so long: the source is silent.
constexpr int kSilentScrapes = 5;
constexpr Duration kSilentFor = std::chrono::minutes(2);
constexpr std::int64_t kMinutesBetweenFolds = ledger::kMinutesPerQuarter;

Duration ConfiguredInterval(const api::PrometheusConfig& config) {
  return std::max(config.interval.value_or(config.scrape_interval), kShortestInterval);
}

}  // namespace

namespace {

// Names near to it, or else those that begin most alike.
std::vector<std::string> Resembling(const std::string& metric, std::vector<std::string> names) {
  constexpr std::size_t kMost = 3;
  std::erase(names, metric);
  auto near = attribution::NearestNames(metric, names, kMost);
  if (!near.empty()) return near;
  const auto alike = [&](const std::string& name) {
    return std::mismatch(metric.begin(), metric.end(), name.begin(), name.end()).first -
           metric.begin();
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) { return alike(a) > alike(b); });
  if (names.size() > kMost) names.resize(kMost);
  return names;
}

}  // namespace

class PrometheusPoller::Implementation {
 public:
  Implementation(const api::SourceConfig& config, net::HttpTransport& transport,
                 ledger::Ledger& ledger, ledger::Store& store, Clock& clock,
                 const pricing::PriceBook* prices)
      : source_(config),
        selector_(attribution::Selector(attribution::RulesOf(source_))),
        metrics_(attribution::RulesOf(source_).Metrics()),
        prices_(prices),
        transport_(transport),
        ledger_(ledger),
        store_(store),
        clock_(clock),
        configured_(ConfiguredInterval(config.prometheus)),
        interval_(configured_) {}

  Status Run(std::stop_token stop) {
    PrometheusReader reader(source_, transport_, ledger_, store_, clock_, prices_);
    while (!stop.stop_requested()) {
      const Timestamp began = clock_.Now();
      const ReadOutcome outcome = reader.Read(Interval(), stop);
      if (stop.stop_requested()) break;
      KeepFigures(reader);
      if (outcome.problem) {
        if (outcome.problem->code == ErrorCode::kFenced) {
          Tell(State::kLost, outcome.problem->reason, outcome.problem->message, reader);
          return Error(ErrorCode::kFenced, outcome.problem->message);
        }
        TellProblem(*outcome.problem, reader);
        Wait(clock_.Now() + Backoff(failures_), false, stop);
        continue;
      }
      if (failures_ > 0) spdlog::info("source={} answers again", source_.name);
      failures_ = 0;
      if (!outcome.caught_up) {
        TellProgress(reader);
        continue;
      }
      TellCaughtUp(reader, stop);
      TellOddSeries(reader.figures());
      if (const auto problem = reader.LookBack(stop); problem && !stop.stop_requested()) {
        spdlog::debug("source={} the look for late samples failed, will be tried again: {}",
                      source_.name, problem->message);
      }
      KeepFigures(reader);
      Fold(reader);
      RelaxInterval();
      Wait(began + std::max(Interval(), Rest(reader.figures().last_duration)), true, stop);
    }
    return Ok();
  }

  void RequestInterval(Duration interval) {
    const std::lock_guard lock(mutex_);
    const Duration wanted = std::clamp(interval, kShortestInterval, configured_);
    requested_ = std::min(requested_.value_or(wanted), wanted);
    if (wanted >= interval_) return;
    interval_ = wanted;
    wake_.notify_all();
  }

  PollFigures Figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
  }

 private:
  using State = ledger::SourceHealth::State;

  Duration Interval() const {
    const std::lock_guard lock(mutex_);
    return interval_;
  }

  // A short interval lasts as long as it is asked for again: after a poll without a request it
  // doubles.
  void RelaxInterval() {
    const std::lock_guard lock(mutex_);
    interval_ =
        std::exchange(requested_, std::nullopt).value_or(std::min(configured_, 2 * interval_));
  }

  // So that polls take at most a fifth of the time; never beyond the configured interval.
  Duration Rest(Duration took) const { return std::min(kRestFactor * took, configured_); }

  void KeepFigures(const PrometheusReader& reader) {
    const std::lock_guard lock(mutex_);
    figures_ = reader.figures();
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

  void Tell(State state, std::string_view why, std::string message,
            const PrometheusReader& reader) {
    ledger::SourceHealth health;
    health.state = state;
    health.reason = why;
    health.message = std::move(message);
    health.last_read = last_read_;
    health.epoch = reader.epoch();
    health.newest_sample = reader.figures().newest_sample;
    health.gap = reader.gap();
    if (state == State::kLost)
      health.lost_since = told_.state == State::kLost
                              ? told_.lost_since
                              : std::optional(failing_since_.value_or(clock_.Now()));
    if (health.state != told_.state || health.reason != told_.reason ||
        health.message != told_.message) {
      const auto level = state == State::kLost ? spdlog::level::warn : spdlog::level::info;
      spdlog::log(level, "source={} state={} reason={} message=\"{}\"", source_.name,
                  state == State::kHealthy ? "healthy"
                  : state == State::kLost  ? "lost"
                                           : "never-read",
                  health.reason, health.message);
    }
    health.meters = ReportOf(reader);
    told_ = health;
    ledger_.SetHealth(source_.name, std::move(health));
  }

  // Made anew when something is found, and else seldom: times of last samples move with each poll.
  std::shared_ptr<const ledger::MeterReport> ReportOf(const PrometheusReader& reader) {
    const auto now = clock_.Now();
    auto report = reader.Report();
    const bool same = report_ && report_->findings == report->findings;
    if (!same || now - reported_ >= kReportEvery || now < reported_) {
      report_ = std::move(report);
      reported_ = now;
    }
    return report_;
  }

  // The first failures stop all relaxing at once; that the source is lost is told when they last.
  void TellProblem(const Problem& problem, const PrometheusReader& reader) {
    const auto now = clock_.Now();
    if (++failures_ == 1) failing_since_ = now;
    const bool lasting = failures_ >= kFailuresToTell || now - *failing_since_ >= kFailingToTell;
    if (lasting || told_.state != State::kHealthy) {
      Tell(State::kLost, problem.reason, problem.message, reader);
      return;
    }
    spdlog::info("source={} failure {}: {} {}", source_.name, failures_, problem.reason,
                 problem.message);
    auto health = told_;
    health.doubtful = true;
    ledger_.SetHealth(source_.name, std::move(health));
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
    Tell(last_read_ ? State::kLost : State::kNeverRead, reason::kReadingHistory,
         "spend since the last complete reading is being read", reader);
  }

  void TellCaughtUp(PrometheusReader& reader, const std::stop_token& stop) {
    last_read_ = clock_.Now();
    failing_since_.reset();
    const auto& metric = selector_;
    if (!reader.any_series()) {
      // Nothing spent, or a name mistyped: it must not pass for zero.
      Tell(State::kNeverRead, reason::kNoSeries,
           "no series of " + Printable(metric, 200) +
               " exists yet: if agents spend already, check sources[].prometheus.metric and url" +
               Instead(reader, stop),
           reader);
      return;
    }
    const auto newest = *reader.figures().newest_sample;
    if (reader.Now() - newest <=
        std::max(kSilentScrapes * source_.prometheus.scrape_interval, kSilentFor)) {
      instead_.reset();
      Tell(State::kHealthy, {}, {}, reader);
      return;
    }
    if (reader.figures().series == 0) {
      const auto& last = reader.last_series();
      const auto had =
          last ? "had " + std::to_string(last->count) + " series until " + FormatUtc(newest)
               : "had series until " + FormatUtc(newest);
      Tell(State::kLost, reason::kNoSeries,
           Printable(metric, 200) + " " + had +
               " and has none any more: renamed, no longer scraped, or no agent runs; check "
               "sources[].prometheus.metric and the targets in Prometheus" +
               Instead(reader, stop),
           reader);
      return;
    }
    Tell(State::kLost, reason::kStale,
         "the newest sample of " + Printable(metric, 200) + " is of " + FormatUtc(newest) +
             ": Prometheus answers, but takes no samples in; check its targets and remote writes" +
             Instead(reader, stop),
         reader);
  }

  // Metrics that look like the one that is missing, asked for once while it is.
  std::string Instead(PrometheusReader& reader, const std::stop_token& stop) {
    if (!instead_) {
      const auto& metrics = metrics_;
      const auto names = metrics.empty() ? std::vector<std::string>()
                                         : Resembling(metrics.front(), reader.MetricNames(stop));
      instead_ = names.empty() ? "" : "; metrics with that label now: " + Join(names);
    }
    return *instead_;
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
  const std::string selector_;              // what is asked for
  const std::vector<std::string> metrics_;  // their names
  const pricing::PriceBook* const prices_;
  net::HttpTransport& transport_;
  ledger::Ledger& ledger_;
  ledger::Store& store_;
  Clock& clock_;
  const Duration configured_;

  // Run's thread only.
  std::minstd_rand random_{std::random_device{}()};
  int failures_ = 0;  // since the last success
  std::optional<Timestamp> failing_since_;
  std::optional<Timestamp> last_read_;
  ledger::SourceHealth told_;
  std::shared_ptr<const ledger::MeterReport> report_;
  Timestamp reported_;
  std::optional<std::string> instead_;
  std::chrono::steady_clock::time_point last_progress_;
  std::int64_t folded_quarter_ = 0;
  std::int64_t told_unattributed_ = 0;
  std::int64_t told_shortened_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  Duration interval_;
  std::optional<Duration> requested_;  // since the last poll: the shortest
  PollFigures figures_;
};

PrometheusPoller::PrometheusPoller(const api::SourceConfig& config, net::HttpTransport& transport,
                                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock,
                                   const pricing::PriceBook* prices)
    : implementation_(
          std::make_unique<Implementation>(config, transport, ledger, store, clock, prices)) {}

PrometheusPoller::~PrometheusPoller() = default;

Status PrometheusPoller::Run(std::stop_token stop) { return implementation_->Run(std::move(stop)); }

void PrometheusPoller::RequestInterval(Duration interval) {
  implementation_->RequestInterval(interval);
}

PollFigures PrometheusPoller::Figures() const { return implementation_->Figures(); }

}  // namespace purser::usage
