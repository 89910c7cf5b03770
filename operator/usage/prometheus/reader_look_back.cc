// The second look: what came too late for every read so far.
#include "usage/prometheus/reader.h"

#include <set>
#include <utility>

#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

// Agents a second look asks for by name; more, and it asks for all.
constexpr std::size_t kMostNamed = 40;

}  // namespace

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
  handlers.on_labels = [&](std::span<const Label> labels) { return Meet(labels, current); };
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

}  // namespace purser::usage
