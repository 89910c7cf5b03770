// Feeds a meter as a reader does: answers that overlap, start times where they are known, commits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "usage/meter/meter.h"

namespace purser::usage {

inline constexpr std::int64_t kDollar = 1'000'000'000;
inline const Timestamp kEpoch{std::chrono::seconds(1'800'000'000)};

constexpr std::int64_t Dollars(double dollars) {
  return static_cast<std::int64_t>(dollars * 1e9 + (dollars < 0 ? -0.5 : 0.5));
}
inline Timestamp After(double seconds) {
  return kEpoch + Duration(static_cast<std::int64_t>(seconds * 1000));
}

// One raw series with all its samples, as the source has them.
struct RawSeries {
  std::uint64_t identity = 0;
  std::uint64_t raw = 1;
  std::uint32_t key = 0;
  bool aggregated = false;
  std::uint32_t client = 0;
  Quantity quantity = Quantity::kCost;
  std::vector<Sample> samples;
  // When its counter began, as known at each sample; empty: not known.
  std::vector<Timestamp> starts;
  Timestamp starts_from{};        // before, nobody tells them
  Duration lag{};                 // how much later than its time a sample is there
  bool starts_in_answer = false;  // else they are told when asked

  void Add(double seconds, std::int64_t value, std::optional<double> start = std::nullopt) {
    samples.push_back({After(seconds), value});
    if (start) starts.push_back(After(*start));
  }
};

class Driver {
 public:
  explicit Driver(MeterRules rules = {}) : rules_(rules), meter_(std::make_unique<Meter>(rules)) {}

  // One answer: what the series have in (from, to]. `abandon`: read, and thrown away. `odd`: the
  // key of a series that shows no numbers.
  void Answer(const std::vector<RawSeries>& world, Timestamp from, Timestamp to,
              bool baseline = false, bool abandon = false, std::size_t most_questions = 100'000,
              std::optional<std::uint32_t> odd = std::nullopt) {
    meter_->Begin(to, baseline);
    const Label none{"agent", "neighbour"};
    if (odd) meter_->Quarantine(*odd, {&none, 1}, "NaN", to);
    for (const auto& series : world) Take(series, from, to);
    for (const auto& question : meter_->Questions(most_questions)) {
      const auto start = StartOf(world, question);
      if (start) meter_->Tell(question.number, *start);
    }
    auto reading = meter_->Finish();
    if (abandon) return meter_->Abandon();
    waiting_.push_back(std::move(reading));
    if (!store_fails_) {
      for (auto& one : waiting_) Count(one);
      waiting_.clear();
    }
    meter_->Commit();
  }

  // While it does, what answers come to waits in memory; a restart loses that.
  void StoreFails(bool fails) { store_fails_ = fails; }

  // Another process goes on from what was persisted.
  void Restart() {
    meter_ = std::make_unique<Meter>(rules_);
    waiting_.clear();
    std::vector<ledger::SeriesCursor> cursors;
    for (const auto& [id, cursor] : cursors_) cursors.push_back(cursor);
    meter_->Load(cursors);
    for (const auto& [key, rate] : rates_) meter_->LoadRate(key, rate.first, rate.second);
  }

  std::int64_t booked(std::uint32_t key = 0) const { return Of(booked_, key); }
  std::int64_t held(std::uint32_t key = 0) const { return Of(held_, key); }
  std::int64_t peak() const { return peak_; }
  const std::vector<Note>& notes() const { return notes_; }
  std::size_t CountOf(ledger::JournalKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(notes_.begin(), notes_.end(), [&](const Note& n) { return n.kind == kind; }));
  }
  const std::map<ledger::SeriesId, ledger::SeriesCursor>& cursors() const { return cursors_; }
  const std::vector<Booked>& bookings() const { return bookings_; }
  Meter& meter() const { return *meter_; }

  static ledger::SeriesId IdOf(std::uint64_t identity) {
    return {identity * 0x9e3779b97f4a7c15ull, identity * 0xc2b2ae3d27d4eb4full + 1};
  }

 private:
  void Take(const RawSeries& series, Timestamp from, Timestamp to) {
    const auto first =
        std::upper_bound(series.samples.begin(), series.samples.end(), from,
                         [](Timestamp time, const Sample& sample) { return time < sample.at; });
    auto last = first;
    while (last != series.samples.end() && last->at + series.lag <= to) ++last;
    if (first == last) return;
    const std::string number = std::to_string(series.identity);
    const std::string raw = std::to_string(series.raw);
    const std::vector<Label> labels = {
        {"__name__", "agent_cost_usd_total"}, {"job", raw}, {"pod", number}};
    Observation observation;
    observation.identity = IdOf(series.identity);
    observation.raw = series.raw;
    observation.key = series.key;
    observation.quantity = series.quantity;
    observation.aggregated = series.aggregated;
    observation.client = series.client;
    observation.labels = labels;
    observation.samples = {&*first, static_cast<std::size_t>(last - first)};
    if (series.starts_in_answer)
      observation.start =
          series.starts[static_cast<std::size_t>(last - series.samples.begin()) - 1];
    meter_->Take(observation);
  }

  static std::optional<Timestamp> StartOf(const std::vector<RawSeries>& world,
                                          const Question& question) {
    for (const auto& series : world) {
      if (question.labels.size() != 3 || question.labels[1].second != std::to_string(series.raw) ||
          question.labels[2].second != std::to_string(series.identity) || series.starts.empty())
        continue;
      for (std::size_t i = 0; i < series.samples.size(); ++i) {
        if (series.samples[i].at != question.at) continue;
        if (question.at < series.starts_from) return std::nullopt;
        return series.starts[i];
      }
    }
    return std::nullopt;
  }

  void Count(Reading& reading) {
    for (const auto& booked : reading.booked) {
      booked_[booked.key] += booked.value;
      peak_ = std::max(peak_, booked_[booked.key]);
      bookings_.push_back(booked);
    }
    for (auto& note : reading.notes) {
      if (note.held) held_[note.key] += note.amount;
      if (note.settles) Settle(note);
      notes_.push_back(std::move(note));
    }
    for (auto& cursor : reading.cursors) cursors_[cursor.series] = cursor;
    for (const auto& [key, rate] : reading.rates)
      rates_[key] = {rate, reading.newest.value_or(kEpoch)};
  }

  // As the ledger does: what is held of the series at that time is held no longer.
  void Settle(const Note& settling) {
    bool settled = false;
    for (auto& note : notes_) {
      if (!note.held || note.key != settling.key || note.series != settling.series ||
          note.at != settling.at)
        continue;
      note.held = false;
      held_[note.key] -= note.amount;
      settled = true;
    }
    if (!settled) settled = SettleInSum(settling);
    if (!settled || settling.amount == 0) return;
    booked_[settling.key] += settling.amount;
    bookings_.push_back({settling.key, settling.quantity, settling.at, settling.amount});
  }

  bool SettleInSum(const Note& settling) {
    for (auto& note : notes_) {
      if (!note.held || !note.series.empty() || note.key != settling.key ||
          note.quantity != settling.quantity || note.at < settling.at ||
          note.amount < settling.settled)
        continue;
      note.amount -= settling.settled;
      note.held = note.amount > 0;
      held_[note.key] -= settling.settled;
      return true;
    }
    return false;
  }

  static std::int64_t Of(const std::map<std::uint32_t, std::int64_t>& sums, std::uint32_t key) {
    const auto found = sums.find(key);
    return found == sums.end() ? 0 : found->second;
  }

  MeterRules rules_;
  std::unique_ptr<Meter> meter_;
  bool store_fails_ = false;
  std::vector<Reading> waiting_;
  std::map<std::uint32_t, std::int64_t> booked_, held_;
  std::int64_t peak_ = 0;
  std::vector<Booked> bookings_;
  std::vector<Note> notes_;
  std::map<ledger::SeriesId, ledger::SeriesCursor> cursors_;
  std::map<std::uint32_t, std::pair<std::int64_t, Timestamp>> rates_;
};

// Polls at every scrape, each answer reaching back over `reach` scrapes.
struct Polling {
  double scrape = 15;
  double every = 15;
  double reach = 45;
  bool baseline = true;  // the first answer's
};
inline void Poll(Driver& driver, const std::vector<RawSeries>& world, double from, double to,
                 const Polling& how = {}) {
  bool first = how.baseline;
  for (double now = from; now <= to; now += how.every) {
    driver.Answer(world, After(now - how.reach), After(now), first);
    first = false;
  }
}

}  // namespace purser::usage
