#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/time_text.h"
#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

// Samples may become visible this many scrapes late.
constexpr int kLateScrapes = 2;
// How far a read may reach back for series that all stay behind (a slow remote write, clocks that
// differ).
constexpr Duration kFarthestReach = std::chrono::minutes(10);
// History is read in pieces: answers of a few megabytes, whatever the number of series.
constexpr Duration kFirstChunk = std::chrono::minutes(5);
constexpr Duration kLongestChunk = std::chrono::hours(1);
constexpr std::int64_t kLargeAnswer = 4 << 20;
// The position alone is written this often; a restart reads that much again and books nothing
// twice.
constexpr Duration kPositionEvery = std::chrono::minutes(1);
// So that a cursor of a counter that stands still is not taken for that of a dead series.
constexpr Duration kCursorEvery = std::chrono::hours(24);
// Series not seen for so long are forgotten here; the store still knows them.
constexpr Duration kForgetAfter = std::chrono::hours(1);

Problem StoreProblem(const Error& error) {
  const bool fenced = error.code() == ErrorCode::kFenced;
  return {fenced ? reason::kFenced : reason::kStoreUnavailable, error.message(), error.code()};
}

CounterRules RulesOf(const api::PrometheusConfig& config) {
  return {config.scrape_interval, config.new_series == api::NewSeries::kCount};
}

}  // namespace

PrometheusReader::PrometheusReader(const api::SourceConfig& source, net::HttpTransport& transport,
                                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock)
    : source_(source),
      rules_(RulesOf(source.prometheus)),
      transport_(transport),
      ledger_(ledger),
      store_(store),
      clock_(clock),
      identifier_(source.name),
      chunk_(kFirstChunk),
      last_forgot_(clock.Now()) {}

ReadOutcome PrometheusReader::Read(Duration interval, std::stop_token stop) {
  const auto began = std::chrono::steady_clock::now();
  ReadOutcome outcome;
  outcome.problem = LoadPosition();
  if (!outcome.problem) {
    outcome.problem =
        position_->complete_until ? ReadRange(interval, stop, outcome) : ReadBaseline(stop);
  }
  if (outcome.problem && outcome.problem->code != ErrorCode::kCancelled) ++figures_.errors;
  figures_.last_duration =
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
  if (position_) {
    figures_.complete_until = position_->complete_until;
    figures_.newest_sample = position_->newest_sample;
  }
  return outcome;
}

std::optional<Problem> PrometheusReader::LoadPosition() {
  if (position_) return std::nullopt;
  auto position = store_.Position(source_.name);
  if (!position) return StoreProblem(position.error());
  if (!*position) {
    // Before anything else: a crash from here on finds the same epoch again.
    const Timestamp epoch = clock_.Now() - source_.prometheus.backfill;
    const auto set = store_.SetEpoch(source_.name, epoch);
    if (!set.ok()) return StoreProblem(set.error());
    spdlog::info("source={} first start: reading spend since {}", source_.name, FormatUtc(epoch));
    *position = ledger::SourcePosition{epoch, std::nullopt, std::nullopt};
  }
  position_ = **position;
  persisted_complete_ = position_->complete_until.value_or(position_->epoch);
  return std::nullopt;
}

std::optional<Problem> PrometheusReader::Query(const std::string& expression, Timestamp at,
                                               AnswerParser::Kind kind,
                                               const AnswerParser::OnSeries& on_series,
                                               std::stop_token stop,
                                               AnswerParser::Trailing trailing) {
  auto query = MakeQuery(source_.prometheus, expression, at);
  if (auto* problem = std::get_if<Problem>(&query)) return std::move(*problem);
  ++figures_.polls;
  ++queries_;
  auto response = transport_.Send(std::get<net::HttpRequest>(query), stop);
  if (!response) return FromTransport(source_.prometheus, response.error());
  if (auto problem = CheckResponse(source_.prometheus, *response)) return problem;
  const auto bytes = static_cast<std::int64_t>(response->body.size());
  AnswerFigures counted;
  auto problem = parser_.Parse(std::move(response->body), kind, on_series, counted, trailing);
  if (problem) return problem;
  figures_.series = counted.series;
  figures_.samples = counted.samples;
  figures_.bytes = bytes;
  return std::nullopt;
}

// What every series had at the epoch is not spend of ours.
std::optional<Problem> PrometheusReader::ReadBaseline(std::stop_token stop) {
  Answer answer;
  const auto take = [&](const Series& series) { return TakeBaseline(series, answer); };
  if (auto problem = Query(BaselineExpression(source_.prometheus.metric), position_->epoch,
                           AnswerParser::Kind::kVector, take, stop)) {
    return problem;
  }
  return Commit(answer, position_->epoch);
}

std::optional<Problem> PrometheusReader::ReadRange(Duration interval, std::stop_token stop,
                                                   ReadOutcome& outcome) {
  for (;;) {
    const Timestamp now = clock_.Now();
    DistrustFuture(now);
    BeginOutage(now, interval);
    const Timestamp complete = *position_->complete_until;
    const Duration longest = std::max(chunk_, 2 * interval);
    const bool latest = now - complete <= longest;
    const Timestamp end = latest ? now : complete + longest;
    Answer answer;
    const auto take = [&](const Series& series) { return TakeSeries(series, answer); };
    const auto expression = RangeExpression(source_.prometheus.metric, Reach(end, latest));
    // Nobody waits for a number that is not there at present, lest one exporter stop all history.
    const auto trailing =
        latest ? AnswerParser::Trailing::kRefuse : AnswerParser::Trailing::kLeaveOut;
    auto problem = Query(expression, end, AnswerParser::Kind::kMatrix, take, stop, trailing);
    const Duration smallest = kLateScrapes * rules_.scrape_interval;
    if (problem && problem->code == ErrorCode::kResourceExhausted && outage_ &&
        end - complete > std::max(2 * interval, smallest)) {
      chunk_ = std::max((end - complete) / 2, smallest);
      spdlog::debug("source={} answer too large: reading {} s at a time", source_.name,
                    chunk_.count() / 1000);
      continue;
    }
    if (problem) return problem;
    if (outage_ && answer.oldest_new && !outage_->oldest_new)
      outage_->oldest_new = answer.oldest_new;
    if ((problem = Commit(answer, end))) return problem;
    outcome.suspended_series = answer.suspended_series;
    outcome.caught_up = latest;
    if (latest) {
      EndOutage(interval);
      chunk_ = kFirstChunk;
      ForgetUnseen(now);
    } else {
      AdaptChunk(figures_.bytes);
    }
    return std::nullopt;
  }
}

Duration PrometheusReader::Reach(Timestamp end, bool latest) const {
  const Duration late = kLateScrapes * rules_.scrape_interval;
  const Duration usual = std::max(end - *position_->complete_until, Duration::zero()) + late;
  if (!latest || !position_->newest_sample) return usual;
  const Duration newest = std::min(end - *position_->newest_sample + late, kFarthestReach);
  return std::max(usual, newest);
}

void PrometheusReader::AdaptChunk(std::int64_t bytes) {
  if (bytes > kLargeAnswer) {
    chunk_ = std::max(chunk_ / 2, kLateScrapes * rules_.scrape_interval);
  } else if (bytes < kLargeAnswer / 2) {
    chunk_ = std::min(chunk_ * 2, kLongestChunk);
  }
}

// What was read up to is in the future: the clock went ahead and was set right. Until now comes
// there, no outage would be noticed.
void PrometheusReader::DistrustFuture(Timestamp now) {
  auto& complete = *position_->complete_until;
  if (complete - now <= kFarthestReach) return;
  const auto last = std::min(now, position_->newest_sample.value_or(now));
  spdlog::warn(
      "source={} spend was read up to {}, which is in the future: the clock went ahead; "
      "reading goes on from {}",
      source_.name, FormatUtc(complete), FormatUtc(last));
  complete = last;
  persisted_complete_ = last;
}

void PrometheusReader::BeginOutage(Timestamp now, Duration interval) {
  const Timestamp complete = *position_->complete_until;
  const Duration usual = 2 * interval + kLateScrapes * rules_.scrape_interval;
  if (outage_ || now - complete <= usual) return;
  const auto& newest = position_->newest_sample;
  outage_ = Outage{complete, newest && *newest >= complete - usual, std::nullopt};
  spdlog::info("source={} catching up from {}", source_.name, FormatUtc(complete));
}

void PrometheusReader::EndOutage(Duration interval) {
  if (!outage_) return;
  const Outage outage = *std::exchange(outage_, std::nullopt);
  const Duration usual = 2 * interval + kLateScrapes * rules_.scrape_interval;
  spdlog::info("source={} caught up since {}", source_.name, FormatUtc(outage.from));
  if (!outage.had_series || !outage.oldest_new || *outage.oldest_new - outage.from <= usual) return;
  TellGap({*outage.oldest_new,
           "no samples between " + FormatUtc(outage.from) + " and " +
               FormatUtc(*outage.oldest_new) +
               " could be read: what counters still showed afterwards is booked at that time, what "
               "agents that ended or restarted in between had spent is missing"});
}

void PrometheusReader::TellGap(ledger::Gap gap) {
  gap_ = std::move(gap);
  spdlog::warn("source={} gap=\"{}\"", source_.name, gap_->text);
}

std::variant<PrometheusReader::Entry*, Problem> PrometheusReader::FindEntry(const Series& series,
                                                                            SeriesId& id) {
  id = identifier_.Identify(series.labels);
  const auto [found, inserted] = entries_.try_emplace(id);
  Entry& entry = found->second;
  if (inserted) {
    const auto stored = store_.FindCursors(source_.name, {id});
    if (!stored) {
      entries_.erase(found);
      return StoreProblem(stored.error());
    }
    const auto cursor = stored->empty() ? std::nullopt : FromLedger(stored->front());
    if (cursor) {
      entry.cursor = *cursor;
      entry.persisted_time = entry.cursor.last_time;
      entry.known = true;
    }
  }
  if (entry.seen_in == queries_) {
    return Problem{reason::kBadAnswer, "the series " + Describe(series.labels) + " comes twice",
                   ErrorCode::kCorrupt};
  }
  entry.seen_in = queries_;
  return &entry;
}

std::optional<Problem> PrometheusReader::TakeBaseline(const Series& series, Answer& answer) {
  SeriesId id;
  auto entry = FindEntry(series, id);
  if (auto* problem = std::get_if<Problem>(&entry)) return std::move(*problem);
  CounterCursor cursor;
  cursor.last_time = series.samples.back().at;
  cursor.last_value = series.samples.back().value;
  answer.moved.push_back({id, cursor, true});
  answer.newest = std::max(answer.newest.value_or(cursor.last_time), cursor.last_time);
  return std::nullopt;
}

std::optional<Problem> PrometheusReader::TakeSeries(const Series& series, Answer& answer) {
  SeriesId id;
  auto found = FindEntry(series, id);
  if (auto* problem = std::get_if<Problem>(&found)) return std::move(*problem);
  const Entry& entry = *std::get<Entry*>(found);

  bookings_.clear();
  const auto before = entry.known ? std::optional(entry.cursor) : std::nullopt;
  CounterStep step = Step(rules_, before, series.samples, bookings_);

  const Attribution attribution = Attribute(source_, series.labels);
  for (const Booking& booking : bookings_)
    answer.batch.increments.push_back({attribution.key, booking.at, CostOf(booking.cost)});

  answer.counts.resets += static_cast<std::uint64_t>(step.resets);
  answer.counts.unattributed_series += attribution.unattributed ? 1 : 0;
  answer.counts.shortened_series += attribution.shortened ? 1 : 0;
  if (step.resumed) {
    const Timestamp until = step.cursor.last_time;
    answer.gap = {until, "several writers shared the series " + Describe(series.labels) +
                             " until " + FormatUtc(until) +
                             ": what they spent meanwhile could not be told and is missing"};
  }
  if (step.cursor.suspended) {
    ++answer.counts.suspended_series;
    if (answer.suspended_series.empty()) answer.suspended_series = Describe(series.labels);
  }
  answer.newest =
      std::max(answer.newest.value_or(series.samples.back().at), series.samples.back().at);
  if (outage_ && !outage_->oldest_new) {
    for (const Sample& sample : series.samples) {
      if (sample.at <= outage_->from) continue;
      answer.oldest_new = std::min(answer.oldest_new.value_or(sample.at), sample.at);
      break;
    }
  }
  if (!step.moved && entry.known && step.cursor.last_time == entry.cursor.last_time)
    return std::nullopt;
  const bool persist = step.moved || step.cursor.last_time - entry.persisted_time >= kCursorEvery;
  answer.moved.push_back({id, step.cursor, persist});
  return std::nullopt;
}

std::optional<Problem> PrometheusReader::Commit(Answer& answer, Timestamp end) {
  auto& batch = answer.batch;
  batch.source = source_.name;
  for (const Moved& moved : answer.moved) {
    if (moved.persist) batch.cursors.push_back(ToLedger(moved.id, moved.cursor));
  }
  const Timestamp complete = std::max(position_->complete_until.value_or(end), end);
  const auto newest =
      answer.newest ? std::max(position_->newest_sample, answer.newest) : position_->newest_sample;
  const bool worth_writing = !batch.increments.empty() || !batch.cursors.empty() ||
                             !position_->complete_until ||
                             complete - persisted_complete_ >= kPositionEvery;
  if (worth_writing) {
    batch.complete_until = complete;
    batch.newest_sample = newest;
    const auto committed = ledger_.Commit(batch);
    if (!committed.ok()) return StoreProblem(committed.error());
    persisted_complete_ = complete;
  }
  for (const Moved& moved : answer.moved) {
    Entry& entry = entries_[moved.id];
    entry.cursor = moved.cursor;
    entry.known = true;
    if (moved.persist) entry.persisted_time = moved.cursor.last_time;
  }
  position_->complete_until = complete;
  position_->newest_sample = newest;
  if (answer.gap) TellGap(std::move(*answer.gap));
  figures_.resets += answer.counts.resets;
  figures_.unattributed_series = answer.counts.unattributed_series;
  figures_.shortened_series = answer.counts.shortened_series;
  figures_.suspended_series = answer.counts.suspended_series;
  return std::nullopt;
}

void PrometheusReader::ForgetUnseen(Timestamp now) {
  if (now - last_forgot_ < kForgetAfter) return;
  last_forgot_ = now;
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.second.seen_in != queries_ && now - entry.second.cursor.last_time >= kForgetAfter;
  });
}

}  // namespace purser::usage
