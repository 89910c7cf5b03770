// Where reading begins: what the store knows, or the baseline of a first start.
#include "usage/prometheus/reader.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/time_text.h"
#include "usage/prometheus/query.h"

namespace purser::usage {
namespace {

// At the first start: series that ended before, as far back as any look will go, are no spend.
constexpr Duration kBaselineReach = std::chrono::hours(24);
constexpr Duration kFirstSeriesTo = std::chrono::seconds(1);

}  // namespace

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
    if (const auto problem = LoadPrices()) return problem;
  }
  position_ = **position;
  persisted_complete_ = position_->complete_until.value_or(position_->epoch);
  return std::nullopt;
}

// Which prices the journal named last.
std::optional<Problem> PrometheusReader::LoadPrices() {
  if (!rules_.priced) return std::nullopt;
  ledger::JournalFilter filter;
  filter.source = source_.name;
  filter.agents = {""};
  const auto entries = store_.Journal(filter);
  if (!entries) return StoreProblem(entries.error());
  for (const auto& entry : *entries) {
    if (entry.kind == ledger::JournalKind::kPrices) bookings_.PricesWere(entry.to);
  }
  return std::nullopt;
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

}  // namespace purser::usage
