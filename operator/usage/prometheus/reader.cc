#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/time_text.h"
#include "usage/prometheus/query.h"
#include "usage/prometheus/start_times.h"

namespace purser::usage {
namespace {

// At the first start: series that ended before, as far back as any look will go, are no spend.
constexpr Duration kBaselineReach = std::chrono::hours(24);
// Whether a source has any series at a time, and when their targets began.
constexpr Duration kLastReach = std::chrono::hours(1);
constexpr Duration kFirstSeriesTo = std::chrono::seconds(1);
// Clocks that differ, a slow remote write.
constexpr Duration kFarthestFuture = std::chrono::minutes(10);
// The position alone is written this often; a restart reads that much again and books nothing
// twice.
constexpr Duration kPositionEvery = std::chrono::minutes(1);
// Series not seen for so long are forgotten here; the store still knows them.
constexpr Duration kForgetAfter = std::chrono::hours(1);
constexpr std::size_t kMostQuestions = 200;
constexpr int kMostStartQueries = 5;  // of one answer
// A store that stays away: what is read meanwhile is held in memory up to here.
constexpr std::size_t kMostUnsaved = 1'000'000;
// Agents a second look asks for by name; more, and it asks for all.
constexpr std::size_t kMostNamed = 40;

Problem StoreProblem(const Error& error) {
  const bool fenced = error.code() == ErrorCode::kFenced;
  return {fenced ? reason::kFenced : reason::kStoreUnavailable, error.message(), error.code()};
}

MeterRules MeterRulesOf(const api::PrometheusConfig& config) {
  MeterRules rules;
  rules.scrape_interval = config.scrape_interval;
  rules.cost_per_second = config.plausible_per_second.nanos();
  return rules;
}

// In the field of the quantity.
Amounts AmountsOf(Quantity quantity, std::int64_t value) {
  Amounts amounts;
  switch (quantity) {
    case Quantity::kCost:
      amounts.cost = Money::FromNanos(value);
      break;
    case Quantity::kCalls:
      amounts.calls = value;
      break;
    case Quantity::kFailedCalls:
      amounts.failed_calls = value;
      break;
    case Quantity::kInputTokens:
      amounts.input_tokens = value;
      break;
    case Quantity::kOutputTokens:
      amounts.output_tokens = value;
      break;
    case Quantity::kCachedTokens:
      amounts.cached_tokens = value;
      break;
    case Quantity::kReasoningTokens:
      amounts.reasoning_tokens = value;
      break;
    case Quantity::kLatency:
      amounts.latency_ms = value;
      break;
    case Quantity::kCacheCreationTokens:
      break;  // counted among the input tokens
  }
  return amounts;
}

std::string ValueText(Quantity quantity, std::optional<std::int64_t> value) {
  if (!value) return "";
  return quantity == Quantity::kCost ? Money::FromNanos(*value).ToDecimal()
                                     : std::to_string(*value);
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

std::optional<Problem> PrometheusReader::Load() {
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
  new_source_ = !(*position)->complete_until;
  if (!new_source_) {
    const auto since = *(*position)->complete_until - kForgetAfter;
    auto cursors = store_.CursorsSince(source_.name, since);
    if (!cursors) return StoreProblem(cursors.error());
    meter_.Load(*cursors);
    auto rates = store_.Rates(source_.name);
    if (!rates) return StoreProblem(rates.error());
    for (const auto& rate : *rates)
      meter_.LoadRate(table_.Number(rate.key), rate.per_second, rate.at);
  }
  position_ = **position;
  persisted_complete_ = position_->complete_until.value_or(position_->epoch);
  return std::nullopt;
}

void PrometheusReader::TakeSeries(const KnownSeries& known, std::span<const Label> labels,
                                  std::span<const Sample> samples) {
  meter_.Take({.identity = known.identity,
               .raw = known.raw,
               .key = known.key,
               .quantity = known.quantity,
               .aggregated = known.aggregated,
               .labels = labels,
               .samples = samples});
}

std::variant<AnswerEnd, Problem> PrometheusReader::Take(const std::string& expression, Timestamp at,
                                                        AnswerParser::Kind kind, bool baseline,
                                                        std::stop_token stop) {
  ++answers_;
  held_.clear();
  odd_.clear();
  renamed_.clear();
  PollFigures counts;
  KnownSeries* current = nullptr;
  AnswerParser::Handlers handlers;
  handlers.on_labels = [&](std::span<const Label> labels) {
    current = &table_.Find(labels);
    current->seen_in = answers_;
    if (current->unknown_kind) {
      odd_.try_emplace(current->key, Odd{Describe(labels) +
                                         " counts tokens of a kind that is not known: not booked"});
    }
    if (current->left_out) return AnswerParser::Values::kLeaveOut;
    if (current->renamed && !renamed_.contains(current->key))
      renamed_.emplace(current->key, Describe(labels));
    counts.unattributed_series += current->unattributed ? 1 : 0;
    counts.shortened_series += current->shortened ? 1 : 0;
    return current->quantity == Quantity::kCost ? AnswerParser::Values::kNanos
                                                : AnswerParser::Values::kWhole;
  };
  handlers.on_series = [&](std::span<const Label> labels, std::span<const Sample> samples) {
    if (kind == AnswerParser::Kind::kMatrix) {
      table_.Saw(current->key, samples.back().at);
      current->last_value = samples.back().value;
    }
    if (!new_source_ && !meter_.Knows(current->identity)) {
      HeldSeries held{*current, {}, {samples.begin(), samples.end()}};
      for (const auto& label : labels) held.labels.emplace_back(label.name, label.value);
      held_.push_back(std::move(held));
      return;
    }
    TakeSeries(*current, labels, samples);
  };
  handlers.on_odd = [&](std::span<const Label> labels, std::string_view what) {
    const auto key = table_.Number(attribution::Attribute(rules_, labels).key);
    meter_.Quarantine(key, labels, what, at);
    ++counts.quarantined_series;
    odd_.try_emplace(key, Odd{Describe(labels) + " is " + std::string(what) +
                              ": not an amount; correct the exporter (reading goes on at its next "
                              "number), or leave the series out by a selector in "
                              "sources[].prometheus.metric"});
  };
  meter_.Begin(at, baseline);
  auto end = api_.Query(expression, at, kind, handlers, std::move(stop));
  if (std::holds_alternative<Problem>(end)) {
    meter_.Abandon();
    return end;
  }
  if (auto problem = TakeHeld()) {
    meter_.Abandon();
    return std::move(*problem);
  }
  figures_.series = api_.figures().series;
  figures_.samples = api_.figures().samples;
  figures_.bytes = api_.figures().bytes;
  figures_.unattributed_series = counts.unattributed_series;
  figures_.shortened_series = counts.shortened_series;
  figures_.quarantined_series = counts.quarantined_series;
  return end;
}

// Series unknown in memory: their cursors are looked up together.
std::optional<Problem> PrometheusReader::TakeHeld() {
  if (held_.empty()) return std::nullopt;
  std::vector<ledger::SeriesId> unknown;
  for (const auto& held : held_) {
    unknown.push_back(held.known.identity);
    if (held.known.all_labels != held.known.identity) unknown.push_back(held.known.all_labels);
  }
  auto cursors = store_.FindCursors(source_.name, unknown);
  if (!cursors) return StoreProblem(cursors.error());
  std::map<ledger::SeriesId, ledger::SeriesCursor> found;
  for (auto& cursor : *cursors) found.emplace(cursor.series, std::move(cursor));
  std::vector<ledger::SeriesCursor> known;
  for (const auto& held : held_) {
    auto cursor = found.find(held.known.identity);
    // Written before what scraping adds was left out of the identity.
    if (cursor == found.end()) cursor = found.find(held.known.all_labels);
    if (cursor == found.end()) continue;
    known.push_back(cursor->second);
    known.back().series = held.known.identity;
  }
  meter_.Load(known);
  std::vector<Label> labels;
  for (const auto& held : held_) {
    labels.clear();
    for (const auto& [name, value] : held.labels) labels.push_back({name, value});
    TakeSeries(held.known, labels, held.samples);
  }
  held_.clear();
  return std::nullopt;
}

// Who runs what, for meters whose series do not tell.
std::optional<Problem> PrometheusReader::ReadTargets(Timestamp at, std::stop_token stop) {
  if (!auxiliary_) return std::nullopt;
  attribution::TargetTable targets;
  AnswerParser::Handlers handlers;
  handlers.on_labels = [&](std::span<const Label> labels) {
    targets.Add(labels);
    return AnswerParser::Values::kLeaveOut;
  };
  const auto end = api_.Query(LastExpression(*auxiliary_, kLastReach), at,
                              AnswerParser::Kind::kVector, handlers, std::move(stop));
  if (const auto* problem = std::get_if<Problem>(&end)) return *problem;
  table_.SetTargets(std::move(targets));
  return std::nullopt;
}

// Best effort: what is not answered is judged without proof.
void PrometheusReader::AskStartTimes(Timestamp at, std::stop_token stop) {
  auto questions = meter_.Questions(kMostQuestions);
  // First as known now; where a counter began once more since the sample in question, as known
  // then.
  for (int round = 0; round < kMostStartQueries && !questions.empty(); ++round) {
    StartTimes starts(rules_.Metrics(), questions);
    if (starts.expression().empty()) return;
    AnswerParser::Handlers handlers;
    handlers.on_labels = [](std::span<const Label>) { return AnswerParser::Values::kNanos; };
    handlers.on_series = [&](std::span<const Label> labels, std::span<const Sample> samples) {
      starts.Take(labels, samples.back().value);
    };
    handlers.on_odd = [](std::span<const Label>, std::string_view) {};
    const auto end = api_.Query(LastExpression(starts.expression(), kLastReach), at,
                                AnswerParser::Kind::kVector, handlers, stop);
    if (const auto* problem = std::get_if<Problem>(&end)) {
      spdlog::debug("source={} start times could not be read: {}", source_.name, problem->message);
      return;
    }
    std::erase_if(questions, [&](const Question& question) {
      const auto start = starts.Of(question);
      if (start && *start > question.at && question.at < at) return false;
      if (start && *start <= question.at) meter_.Tell(question.number, *start);
      return true;
    });
    if (!questions.empty()) at = questions.front().at;
  }
}

// When the source's first series shows itself after the epoch, to the second, as what is spent from
// then on counts: what it has then is no spend of ours either. Nothing: it has none until now.
std::variant<std::optional<Timestamp>, Problem> PrometheusReader::FirstSeries(
    std::stop_token stop) {
  const auto has = [&](Timestamp at) {
    return api_.HasSeries(LastExpression(selector_, kLastReach), at, stop);
  };
  Timestamp without = position_->epoch;
  Timestamp with = api_.Now();
  auto any = has(with);
  if (auto* problem = std::get_if<Problem>(&any)) return std::move(*problem);
  if (!std::get<bool>(any)) return std::optional<Timestamp>();
  while (with - without > kFirstSeriesTo) {
    const Timestamp middle = without + (with - without) / 2;
    any = has(middle);
    if (auto* problem = std::get_if<Problem>(&any)) return std::move(*problem);
    (std::get<bool>(any) ? with : without) = middle;
  }
  return std::optional(with);
}

// What every series had at the epoch is not spend of ours.
std::optional<Problem> PrometheusReader::ReadBaseline(std::stop_token stop) {
  const auto read = [&]() -> std::optional<Problem> {
    const auto end = Take(LastExpression(selector_, kBaselineReach), position_->epoch,
                          AnswerParser::Kind::kVector, true, stop);
    if (const auto* problem = std::get_if<Problem>(&end)) return *problem;
    // What a partial answer lacks shows itself later as a first value, and is judged as one.
    if (const auto incomplete = Incomplete(std::get<AnswerEnd>(end)))
      spdlog::warn("source={} the first reading is incomplete: {}", source_.name,
                   incomplete->message);
    return std::nullopt;
  };
  if (auto problem = read()) return problem;
  if (figures_.series == 0) {
    // History shorter than the backfill: a counter that was old when it began would be spend.
    auto first = FirstSeries(stop);
    if (auto* problem = std::get_if<Problem>(&first)) return std::move(*problem);
    if (const auto at = std::get<std::optional<Timestamp>>(first)) {
      const auto set = store_.SetEpoch(source_.name, *at);
      if (!set.ok()) return StoreProblem(set.error());
      spdlog::info("source={} has nothing before {}: spend is known since then", source_.name,
                   FormatUtc(*at));
      position_->epoch = *at;
      if (auto problem = read()) return problem;
    }
  }
  auto problem = Commit(position_->epoch);
  if (!problem) new_source_ = false;
  return problem;
}

std::optional<Problem> PrometheusReader::Incomplete(const AnswerEnd& end) const {
  if (end.partial) {
    return Problem{reason::kIncomplete,
                   "the answer is partial (isPartial): some of the stores behind it did not "
                   "answer; what was there is booked, the rest will be read when they do",
                   ErrorCode::kUnavailable};
  }
  for (const auto& warning : end.warnings) {
    const bool accepted = std::any_of(accepted_.begin(), accepted_.end(),
                                      [&](const auto& pattern) { return pattern.IsIn(warning); });
    if (accepted) continue;
    return Problem{reason::kIncomplete,
                   "Prometheus warned, so its answer may lack spend: " + warning +
                       "; what was there is booked; mend that in Prometheus, or list the warning "
                       "in sources[].prometheus.acceptWarnings",
                   ErrorCode::kUnavailable};
  }
  return std::nullopt;
}

std::optional<Problem> PrometheusReader::ReadRange(Duration interval, std::stop_token stop,
                                                   ReadOutcome& outcome) {
  for (;;) {
    const Timestamp now = api_.Now();
    DistrustFuture(now);
    BeginOutage(now, interval);
    const Timestamp complete = *position_->complete_until;
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
      if (problem->code == ErrorCode::kResourceExhausted && outage_ && end - from > 2 * interval &&
          reach_.Halve(end - from)) {
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
      EndOutage(interval);
      reach_.CaughtUp();
      Forget(now);
    }
    return std::nullopt;
  }
}

std::optional<Problem> PrometheusReader::LookBack(std::stop_token stop) {
  if (!position_ || !position_->complete_until || partial_until_) return std::nullopt;
  const Timestamp at = *position_->complete_until;
  const auto due = reach_.LookDue(at);
  if (!due) return std::nullopt;
  const Duration back = *due;
  const auto began = std::chrono::steady_clock::now();
  const auto done = [&](std::optional<Problem> problem) {
    reach_.Looked(*due, at,
                  std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began));
    figures_.polls = api_.queries();
    return problem;
  };
  // Series whose last value is another than the last one read, or that were never read at all.
  std::set<std::string> agents;
  std::vector<std::pair<ledger::SeriesId, std::string>> unknown;  // with the agent's label
  bool any = false;
  bool unnamed = false;
  const auto suspect = [&](std::string_view agent) {
    any = true;
    if (agent.empty()) {
      unnamed = true;
    } else if (agents.size() <= kMostNamed) {
      agents.emplace(agent);
    }
  };
  AnswerParser::Handlers handlers;
  KnownSeries* current = nullptr;
  handlers.on_labels = [&](std::span<const Label> labels) {
    current = &table_.Find(labels);
    current->seen_in = answers_;
    if (current->left_out) return AnswerParser::Values::kLeaveOut;
    return current->quantity == Quantity::kCost ? AnswerParser::Values::kNanos
                                                : AnswerParser::Values::kWhole;
  };
  handlers.on_series = [&](std::span<const Label> labels, std::span<const Sample> samples) {
    const auto agent = attribution::LabelValue(labels, agent_label_);
    if (current->last_value) {
      if (*current->last_value != samples.back().value) suspect(agent);
    } else if (!meter_.Knows(current->identity)) {
      unknown.emplace_back(current->identity, agent);
    }
  };
  handlers.on_odd = [](std::span<const Label>, std::string_view) {};
  const auto seen =
      api_.Query(LastExpression(selector_, back), at, AnswerParser::Kind::kVector, handlers, stop);
  if (const auto* problem = std::get_if<Problem>(&seen)) return done(*problem);
  if (!unknown.empty()) {
    std::vector<ledger::SeriesId> identities;
    for (const auto& [identity, agent] : unknown) identities.push_back(identity);
    auto cursors = store_.FindCursors(source_.name, identities);
    if (!cursors) return done(StoreProblem(cursors.error()));
    std::set<ledger::SeriesId> read;
    for (const auto& cursor : *cursors) read.insert(cursor.series);
    for (const auto& [identity, agent] : unknown) {
      if (!read.contains(identity)) suspect(agent);
    }
  }
  if (!any) return done(std::nullopt);

  const bool named = !unnamed && agents.size() <= kMostNamed;
  const auto selector =
      named ? Narrowed(selector_, agent_label_, {agents.begin(), agents.end()}) : selector_;
  const auto kept = figures_;  // those of the poll stay
  const auto answered = Take(RangeExpression(selector, back), at, AnswerParser::Kind::kMatrix,
                             source_.prometheus.new_series == api::NewSeries::kBaseline, stop);
  const auto queries = api_.queries();
  figures_ = kept;
  figures_.polls = queries;
  if (const auto* problem = std::get_if<Problem>(&answered)) return done(*problem);
  AskStartTimes(at, stop);
  return done(Commit(std::nullopt));
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

void PrometheusReader::BeginOutage(Timestamp now, Duration interval) {
  const Timestamp complete = *position_->complete_until;
  const Duration usual = 2 * interval + 2 * source_.prometheus.scrape_interval;
  if (outage_ || now - complete <= usual) return;
  const auto& newest = position_->newest_sample;
  outage_ = Outage{complete, newest && *newest >= complete - usual, std::nullopt};
  spdlog::info("source={} catching up from {}", source_.name, FormatUtc(complete));
}

void PrometheusReader::EndOutage(Duration interval) {
  if (!outage_) return;
  const Outage outage = *std::exchange(outage_, std::nullopt);
  const Duration usual = 2 * interval + 2 * source_.prometheus.scrape_interval;
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
  ledger::JournalEntry entry;
  entry.kind = ledger::JournalKind::kGap;
  entry.key.source = source_.name;
  entry.at = gap_->until;
  entry.recorded = clock_.Now();
  entry.reason = gap_->text;
  unsaved_.journal.push_back(std::move(entry));
  has_unsaved_ = true;
}

// One rounding for each booking. What is taken back costs what it did.
Money PrometheusReader::CostOf(std::uint32_t key, const Tokens& tokens) {
  if (!rules_.priced || prices_ == nullptr || tokens == Tokens()) return {};
  const auto& name = table_.Key(key);
  const auto prices = prices_->Current();
  const auto price = [&](const Tokens& some) {
    const auto priced = prices->Price(table_.Provider(key), name.model, some);
    if (!priced.known) unpriced_[key] = clock_.Now();
    return priced.cost;
  };
  const auto part = [&](int sign) {
    const auto of = [&](std::int64_t count) { return std::max<std::int64_t>(0, sign * count); };
    return Tokens{of(tokens.input), of(tokens.output), of(tokens.cached), of(tokens.cache_creation),
                  of(tokens.reasoning)};
  };
  const auto back = part(-1);
  const Money cost = price(part(1));
  return back == Tokens() ? cost : cost - price(back);
}

ledger::Batch PrometheusReader::BatchOf(const Reading& reading) {
  ledger::Batch batch;
  batch.source = source_.name;
  struct Sum {
    ledger::Increment increment;
    Tokens tokens;
  };
  std::map<std::pair<std::uint32_t, std::int64_t>, Sum> sums;  // by key and minute
  for (const auto& booked : reading.booked) {
    auto& sum = sums[{booked.key, ledger::MinuteOf(booked.at)}];
    sum.increment.at = std::max(sum.increment.at, booked.at);
    sum.increment.amounts += AmountsOf(booked.quantity, booked.value);
    pricing::Add(sum.tokens, booked.quantity, booked.value);
  }
  for (auto& [place, sum] : sums) {
    auto& increment = sum.increment;
    increment.amounts.cost += CostOf(place.first, sum.tokens);
    if (increment.amounts.IsZero()) continue;
    increment.key = table_.Key(place.first);
    batch.increments.push_back(std::move(increment));
  }
  for (const auto& note : reading.notes) {
    ledger::JournalEntry entry;
    entry.kind = note.kind;
    entry.at = note.at;
    entry.recorded = clock_.Now();
    entry.key = table_.Key(note.key);
    entry.series = note.series;
    entry.from = ValueText(note.quantity, note.from);
    entry.to = ValueText(note.quantity, note.to);
    entry.amount = AmountsOf(note.quantity, note.amount);
    entry.reason = note.reason;
    entry.held = note.held ? ledger::HeldState::kHeld : ledger::HeldState::kNone;
    Tokens tokens;
    pricing::Add(tokens, note.quantity, note.amount);
    if (const Money cost = CostOf(note.key, tokens); cost != Money()) {
      entry.amount.cost = cost;
      entry.reason += " (prices " + prices_->Current()->version() + ")";
    }
    batch.journal.push_back(std::move(entry));
  }
  for (const auto& [key, rate] : reading.rates)
    batch.rates.push_back({table_.Key(key), rate, reading.newest.value_or(clock_.Now())});
  batch.cursors = reading.cursors;
  return batch;
}

// Behind what the store could not be given yet.
void PrometheusReader::Merge(ledger::Batch batch) {
  unsaved_.source = source_.name;
  has_unsaved_ = true;
  std::move(batch.increments.begin(), batch.increments.end(),
            std::back_inserter(unsaved_.increments));
  std::move(batch.journal.begin(), batch.journal.end(), std::back_inserter(unsaved_.journal));
  std::move(batch.rates.begin(), batch.rates.end(), std::back_inserter(unsaved_.rates));
  std::move(batch.cursors.begin(), batch.cursors.end(), std::back_inserter(unsaved_.cursors));
  if (batch.complete_until) unsaved_.complete_until = batch.complete_until;
  if (batch.newest_sample) unsaved_.newest_sample = batch.newest_sample;
}

// `complete`: nothing when the answer was not complete. On a problem of the store the reading goes
// on in memory: it is written when the store takes it, and read again after a restart.
std::optional<Problem> PrometheusReader::Commit(std::optional<Timestamp> complete) {
  const Reading reading = meter_.Finish();
  const auto before = position_->complete_until;
  if (outage_ && reading.oldest_new && *reading.oldest_new > outage_->from && !outage_->oldest_new)
    outage_->oldest_new = reading.oldest_new;
  if (before && reading.oldest_new && *reading.oldest_new < *before && !outage_) {
    const Duration lag = *before - *reading.oldest_new;
    if (lag <= source_.prometheus.lateness) reach_.Lagged(lag, *before);
  }
  const auto newest = reading.newest ? std::max(position_->newest_sample, reading.newest)
                                     : position_->newest_sample;
  if (complete && before) complete = std::max(*before, *complete);
  auto batch = BatchOf(reading);
  const bool worth_writing = has_unsaved_ || !batch.increments.empty() || !batch.cursors.empty() ||
                             !batch.journal.empty() || !before ||
                             (complete && *complete - persisted_complete_ >= kPositionEvery);
  std::optional<Problem> problem;
  if (worth_writing) {
    batch.complete_until = complete;
    batch.newest_sample = newest;
    if (has_unsaved_) {
      Merge(std::move(batch));
      batch = unsaved_;
    }
    const auto committed = ledger_.Commit(batch);
    if (!committed.ok()) {
      problem = StoreProblem(committed.error());
      const bool in_memory = committed.error().code() == ErrorCode::kUnavailable && before &&
                             batch.increments.size() + batch.cursors.size() < kMostUnsaved;
      if (!in_memory) {
        meter_.Abandon();
        return problem;
      }
      unsaved_ = std::move(batch);
      has_unsaved_ = true;
    } else {
      unsaved_ = {};
      has_unsaved_ = false;
      if (complete) persisted_complete_ = *complete;
    }
  }
  meter_.Commit();
  figures_.resets += static_cast<std::uint64_t>(reading.restarts);
  if (complete) position_->complete_until = complete;
  position_->newest_sample = newest;
  return problem;
}

std::vector<std::string> PrometheusReader::MetricNames(std::stop_token stop) {
  return api_.MetricNames(agent_label_, api_.Now() - kFarthestFuture, std::move(stop));
}

std::shared_ptr<const ledger::MeterReport> PrometheusReader::Report() const {
  auto report = std::make_shared<ledger::MeterReport>();
  const auto place = [&](std::uint32_t key) {
    return std::pair(table_.Key(key).ns, table_.Key(key).agent);
  };
  const auto add = [&](std::uint32_t key, std::string_view why, const std::string& message,
                       bool lost) {
    auto& findings = report->findings[place(key)];
    const auto& name = table_.Key(key);
    const bool told = std::any_of(findings.begin(), findings.end(),
                                  [&](const auto& finding) { return finding.reason == why; });
    if (!told) findings.push_back({name.ns, name.agent, std::string(why), message, lost});
  };
  for (const auto& [key, series] : renamed_) {
    add(key, reason::kHonorLabels,
        series +
            " has the namespace of its exporter, its own is in exported_namespace: set "
            "honorLabels on the scrape, or name exported_namespace in "
            "sources[].prometheus.labels.namespace",
        false);
  }
  for (const auto& [key, at] : unpriced_) {
    if (clock_.Now() - at > kForgetAfter) continue;
    const auto& name = table_.Key(key);
    add(key, reason::kUnpriced,
        "model \"" + Printable(name.model, 100) + "\" has no price" +
            (prices_->Current()->has_estimate() ? " and is estimated by prices.unknownModel"
                                                : ": its tokens cost nothing here") +
            "; add it to the catalogue that prices.file of the operator's configuration names",
        false);
  }
  for (const auto& [key, odd] : odd_) add(key, reason::kNotANumber, odd.message, true);
  for (const auto& trouble : meter_.Troubles())
    add(trouble.key, trouble.reason, trouble.message, true);
  for (std::uint32_t key = 0; key < table_.keys(); ++key) {
    const auto last = table_.LastSample(key);
    if (last == Timestamp{}) continue;
    auto& seen = report->seen[place(key)];
    seen.last_sample = std::max(seen.last_sample, last);
  }
  return report;
}

void PrometheusReader::Forget(Timestamp now) {
  if (now - last_forgot_ < kForgetAfter) return;
  last_forgot_ = now;
  meter_.Forget(now - kForgetAfter);
  table_.Forget(answers_);
}

}  // namespace purser::usage
