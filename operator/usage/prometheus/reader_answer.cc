// Takes an answer: its series to the meter, and what they raise in questions.
#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

#include "usage/prometheus/query.h"
#include "usage/prometheus/start_times.h"

namespace purser::usage {
namespace {

constexpr std::size_t kMostQuestions = 200;
constexpr int kMostStartQueries = 5;  // of one answer

}  // namespace

// Of every answer with series of the source: whose this one is, and how its values are read.
AnswerParser::Values PrometheusReader::Meet(std::span<const Label> labels, KnownSeries*& current) {
  current = &table_.Find(labels);
  current->seen_in = answers_;
  if (current->left_out) return AnswerParser::Values::kLeaveOut;
  return current->quantity == Quantity::kCost ? AnswerParser::Values::kNanos
                                              : AnswerParser::Values::kWhole;
}

void PrometheusReader::TakeSeries(const KnownSeries& known, std::span<const Label> labels,
                                  std::span<const Sample> samples) {
  meter_.Take({.identity = known.identity,
               .raw = known.raw,
               .key = known.key,
               .quantity = known.quantity,
               .aggregated = known.aggregated,
               .client = known.client,
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
    const auto values = Meet(labels, current);
    if (current->unknown_kind) {
      odd_.try_emplace(current->key, Odd{Describe(labels) +
                                         " counts tokens of a kind that is not known: not booked"});
    }
    if (current->left_out) return values;
    if (current->renamed && !renamed_.contains(current->key))
      renamed_.emplace(current->key, Describe(labels));
    counts.unattributed_series += current->unattributed ? 1 : 0;
    counts.shortened_series += current->shortened ? 1 : 0;
    return values;
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

}  // namespace purser::usage
