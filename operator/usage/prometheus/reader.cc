#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/time_text.h"
#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

// The position alone is written this often; a restart reads that much again and books nothing
// twice.
constexpr Duration kPositionEvery = std::chrono::minutes(1);
// A store that stays away: what is read meanwhile is held in memory up to here.
constexpr std::size_t kMostUnsaved = 1'000'000;

MeterRules MeterRulesOf(const api::PrometheusConfig& config) {
  MeterRules rules;
  rules.scrape_interval = config.scrape_interval;
  rules.cost_per_second = config.plausible_per_second.nanos();
  return rules;
}

}  // namespace

PrometheusReader::PrometheusReader(const api::SourceConfig& source, net::HttpTransport& transport,
                                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock,
                                   const pricing::PriceBook* prices)
    : source_(source),
      rules_(attribution::RulesOf(source_)),
      selector_(attribution::Selector(rules_)),
      auxiliary_(attribution::AuxiliarySelector(rules_)),
      agent_label_(rules_.agent.from.empty() ? "agent" : rules_.agent.from.front()),
      ledger_(ledger),
      store_(store),
      clock_(clock),
      prices_(prices),
      api_(source_.prometheus, transport, clock),
      table_(rules_),
      bookings_(source_.name, rules_, table_, prices, clock),
      meter_(MeterRulesOf(source_.prometheus)),
      reach_(source_.prometheus.scrape_interval, source_.prometheus.lateness),
      last_forgot_(clock.Now()) {
  for (const auto& text : source_.prometheus.accept_warnings) {
    // The configuration was checked.
    if (auto pattern = Pattern::Compile(text)) accepted_.push_back(std::move(*pattern));
  }
}

PrometheusReader::~PrometheusReader() = default;

std::optional<Timestamp> PrometheusReader::epoch() const {
  return position_ ? std::optional(position_->epoch) : std::nullopt;
}

ReadOutcome PrometheusReader::Read(Duration interval, std::stop_token stop) {
  const auto began = std::chrono::steady_clock::now();
  ReadOutcome outcome;
  outcome.problem = Load();
  if (!outcome.problem) outcome.problem = ReadTargets(api_.Now(), stop);
  if (!outcome.problem) {
    outcome.problem =
        position_->complete_until ? ReadRange(interval, stop, outcome) : ReadBaseline(stop);
  }
  if (outcome.problem && outcome.problem->code != ErrorCode::kCancelled) ++figures_.errors;
  figures_.polls = api_.queries();
  figures_.last_duration =
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
  if (position_) {
    figures_.complete_until = position_->complete_until;
    figures_.newest_sample = position_->newest_sample;
  }
  return outcome;
}

std::optional<Problem> PrometheusReader::ReadRange(Duration interval, std::stop_token stop,
                                                   ReadOutcome& outcome) {
  for (;;) {
    const Timestamp now = api_.Now();
    DistrustFuture(now);
    const Duration usual = 2 * interval + 2 * source_.prometheus.scrape_interval;
    const Timestamp complete = *position_->complete_until;
    if (outage_.Begin(now, complete, position_->newest_sample, usual))
      spdlog::info("source={} catching up from {}", source_.name, FormatUtc(complete));
    const Timestamp from = partial_until_ ? std::max(*partial_until_, complete) : complete;
    const Duration longest = std::max(reach_.chunk(), 2 * interval);
    const bool latest = now - from <= longest;
    const Timestamp end = latest ? now : from + longest;
    Duration back = std::max(end - from, Duration::zero()) + reach_.Late();
    // What stays behind as a whole: reach for its newest sample as far as lateness allows.
    if (latest && position_->newest_sample) {
      back = std::max(back, std::min(end - *position_->newest_sample + reach_.Late(),
                                     source_.prometheus.lateness));
    }
    const bool baseline = source_.prometheus.new_series == api::NewSeries::kBaseline;
    const auto answered =
        Take(RangeExpression(selector_, back), end, AnswerParser::Kind::kMatrix, baseline, stop);
    if (const auto* problem = std::get_if<Problem>(&answered)) {
      if (problem->code == ErrorCode::kResourceExhausted && outage_.lasts() &&
          end - from > 2 * interval && reach_.Halve(end - from)) {
        spdlog::debug("source={} answer too large: reading {} s at a time", source_.name,
                      reach_.chunk().count() / 1000);
        continue;
      }
      return *problem;
    }
    AskStartTimes(end, stop);
    const auto incomplete = Incomplete(std::get<AnswerEnd>(answered));
    // After partial answers what they lacked is read again, from where completeness ended.
    const bool was_partial = std::exchange(partial_until_, std::nullopt).has_value();
    if (incomplete) partial_until_ = end;
    auto problem = Commit(incomplete || was_partial ? std::nullopt : std::optional(end));
    if (problem) return problem;
    if (incomplete) {
      outcome.caught_up = latest;
      return incomplete;
    }
    if (figures_.series > 0) last_series_ = LastSeries{figures_.series, end};
    if (was_partial) return std::nullopt;
    outcome.caught_up = latest;
    reach_.Took(figures_.samples, end - from);
    if (latest) {
      if (outage_.lasts())
        spdlog::info("source={} caught up since {}", source_.name, FormatUtc(outage_.from()));
      if (auto gap = outage_.End(usual)) TellGap(std::move(*gap));
      reach_.CaughtUp();
      Forget(now);
    }
    return std::nullopt;
  }
}

// What was read up to is in the future: the clock went ahead and was set right. Until now comes
// there, no outage would be noticed.
void PrometheusReader::DistrustFuture(Timestamp now) {
  auto& complete = *position_->complete_until;
  if (complete - now <= kFarthestFuture) return;
  const auto last = std::min(now, position_->newest_sample.value_or(now));
  spdlog::warn(
      "source={} spend was read up to {}, which is in the future: the clock went ahead; "
      "reading goes on from {}",
      source_.name, FormatUtc(complete), FormatUtc(last));
  complete = last;
  persisted_complete_ = last;
}

void PrometheusReader::TellGap(ledger::Gap gap) {
  gap_ = std::move(gap);
  spdlog::warn("source={} gap=\"{}\"", source_.name, gap_->text);
  ledger::JournalEntry entry;
  entry.kind = ledger::JournalKind::kGap;
  entry.key.source = source_.name;
  entry.at = gap_->until;
  entry.recorded = clock_.Now();
  entry.reason = gap_->text;
  unsaved_.journal.push_back(std::move(entry));
  has_unsaved_ = true;
}

// `complete`: nothing when the answer was not complete. On a problem of the store the reading goes
// on in memory: it is written when the store takes it, and read again after a restart.
std::optional<Problem> PrometheusReader::Commit(std::optional<Timestamp> complete) {
  const Reading reading = meter_.Finish();
  const auto before = position_->complete_until;
  if (reading.oldest_new) outage_.Found(*reading.oldest_new);
  if (before && reading.oldest_new && *reading.oldest_new < *before && !outage_.lasts()) {
    const Duration lag = *before - *reading.oldest_new;
    if (lag <= source_.prometheus.lateness) reach_.Lagged(lag, *before);
  }
  const auto newest = reading.newest ? std::max(position_->newest_sample, reading.newest)
                                     : position_->newest_sample;
  if (complete && before) complete = std::max(*before, *complete);
  const auto found = [&] {
    auto batch = bookings_.Of(reading);
    batch.complete_until = complete;
    batch.newest_sample = newest;
    return batch;
  };
  auto batch = found();
  const bool worth_writing = has_unsaved_ || !batch.increments.empty() || !batch.cursors.empty() ||
                             !batch.journal.empty() || !before ||
                             (complete && *complete - persisted_complete_ >= kPositionEvery);
  std::optional<Problem> problem;
  if (worth_writing) {
    if (has_unsaved_) {
      auto waiting = unsaved_;
      Append(waiting, std::move(batch));
      batch = std::move(waiting);
    }
    const auto rows = batch.increments.size() + batch.cursors.size();
    const auto committed = ledger_.Commit(std::move(batch));
    if (committed.ok()) {
      unsaved_ = {};
      has_unsaved_ = false;
      if (complete) persisted_complete_ = *complete;
    } else {
      problem = StoreProblem(committed.error());
      const bool in_memory =
          committed.error().code() == ErrorCode::kUnavailable && before && rows < kMostUnsaved;
      if (!in_memory) {
        meter_.Abandon();
        return problem;
      }
      Append(unsaved_, found());
      has_unsaved_ = true;
    }
  }
  meter_.Commit();
  bookings_.Commit();
  figures_.resets += static_cast<std::uint64_t>(reading.restarts);
  if (complete) position_->complete_until = complete;
  position_->newest_sample = newest;
  return problem;
}

void PrometheusReader::Forget(Timestamp now) {
  if (now - last_forgot_ < kForgetAfter) return;
  last_forgot_ = now;
  meter_.Forget(now - kForgetAfter);
  table_.Forget(answers_);
}

}  // namespace purser::usage
