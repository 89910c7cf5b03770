// Reads one source and books it, one query at a time: where to read from, what is new, one commit.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "net/http_transport.h"
#include "usage/prometheus/answer.h"
#include "usage/prometheus/counter.h"
#include "usage/prometheus/poller.h"
#include "usage/prometheus/problem.h"
#include "usage/prometheus/series.h"

namespace purser::usage {

struct ReadOutcome {
  std::optional<Problem> problem;  // nothing was booked, nothing advanced
  bool caught_up = false;          // everything up to now is booked; else call again at once
  std::string suspended_series;    // one that is not booked at present; empty: none
};

// Not thread-safe. Positions are loaded from the store at the first read: make a new reader after
// another leader may have written.
class PrometheusReader {
 public:
  PrometheusReader(const api::SourceConfig& source, net::HttpTransport& transport,
                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock);

  // One query. `interval`: how far apart the reads are at present.
  ReadOutcome Read(Duration interval, std::stop_token stop);

  const PollFigures& figures() const { return figures_; }
  // Whether the source ever had a series.
  bool any_series() const { return position_ && position_->newest_sample.has_value(); }
  // The latest since this reader was made.
  const std::optional<ledger::Gap>& gap() const { return gap_; }

 private:
  struct Entry {
    CounterCursor cursor;
    Timestamp persisted_time;   // of the cursor in the store
    std::uint64_t seen_in = 0;  // the number of the last query whose answer had it
    bool known = false;         // false: the store has no cursor either
  };
  struct Moved {
    SeriesId id;
    CounterCursor cursor;
    bool persist = false;
  };
  // What one answer has given so far; nothing of it counts before the commit.
  struct Answer {
    ledger::Batch batch;
    std::vector<Moved> moved;
    PollFigures counts;  // of this answer only
    std::string suspended_series;
    std::optional<ledger::Gap> gap;  // spend that was not booked and will not be
    std::optional<Timestamp> newest;
    std::optional<Timestamp> oldest_new;  // the earliest sample after the outage began
  };

  std::optional<Problem> LoadPosition();
  std::optional<Problem> ReadBaseline(std::stop_token stop);
  std::optional<Problem> ReadRange(Duration interval, std::stop_token stop, ReadOutcome& outcome);
  std::optional<Problem> Query(const std::string& expression, Timestamp at, AnswerParser::Kind kind,
                               const AnswerParser::OnSeries& on_series, std::stop_token stop,
                               AnswerParser::Trailing trailing = AnswerParser::Trailing::kRefuse);
  std::optional<Problem> TakeSeries(const Series& series, Answer& answer);
  std::optional<Problem> TakeBaseline(const Series& series, Answer& answer);
  std::variant<Entry*, Problem> FindEntry(const Series& series, SeriesId& id);
  std::optional<Problem> Commit(Answer& answer, Timestamp end);
  Duration Reach(Timestamp end, bool latest) const;
  void DistrustFuture(Timestamp now);
  void BeginOutage(Timestamp now, Duration interval);
  void EndOutage(Duration interval);
  void TellGap(ledger::Gap gap);
  void AdaptChunk(std::int64_t bytes);
  void ForgetUnseen(Timestamp now);

  const api::SourceConfig source_;
  const CounterRules rules_;
  net::HttpTransport& transport_;
  ledger::Ledger& ledger_;
  ledger::Store& store_;
  Clock& clock_;

  AnswerParser parser_;
  SeriesIdentifier identifier_;
  std::vector<Booking> bookings_;
  std::unordered_map<SeriesId, Entry, SeriesIdHash> entries_;
  std::optional<ledger::SourcePosition> position_;
  Timestamp persisted_complete_;  // position_'s in the store
  Duration chunk_;                // the longest time read by one query
  std::uint64_t queries_ = 0;
  Timestamp last_forgot_;
  PollFigures figures_;

  // While behind by more than usual.
  struct Outage {
    Timestamp from;
    bool had_series = false;
    std::optional<Timestamp> oldest_new;
  };
  std::optional<Outage> outage_;
  std::optional<ledger::Gap> gap_;
};

}  // namespace purser::usage
