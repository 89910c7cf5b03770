// Reads one source and books it, one query at a time: where to read from, what is new, one commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "base/pattern.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "net/http_transport.h"
#include "usage/attribution/source_rules.h"
#include "usage/meter/meter.h"
#include "usage/pricing/price_book.h"
#include "usage/prometheus/answer.h"
#include "usage/prometheus/bookings.h"
#include "usage/prometheus/outage.h"
#include "usage/prometheus/poller.h"
#include "usage/prometheus/problem.h"
#include "usage/prometheus/prometheus_api.h"
#include "usage/prometheus/reach.h"
#include "usage/prometheus/series_table.h"

namespace purser::usage {

struct ReadOutcome {
  std::optional<Problem> problem;  // nothing more is known than before, or not all (partial)
  bool caught_up = false;          // everything up to now has been asked for; else call again
};

// Not thread-safe. Positions are loaded from the store at the first read: make a new reader after
// another leader may have written.
class PrometheusReader {
 public:
  // `prices`: for meters that count tokens and no cost; may be null.
  PrometheusReader(const api::SourceConfig& source, net::HttpTransport& transport,
                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock,
                   const pricing::PriceBook* prices = nullptr);
  ~PrometheusReader();

  // One reading: a query, and what its series raise in questions. `interval`: how far apart the
  // reads are at present.
  ReadOutcome Read(Duration interval, std::stop_token stop);

  // Looks for what came too late for every read so far, when that is due; after a read that caught
  // up. What is found is booked at its time.
  std::optional<Problem> LookBack(std::stop_token stop);

  const PollFigures& figures() const { return figures_; }
  // Whether the source ever had a series.
  bool any_series() const { return position_ && position_->newest_sample.has_value(); }
  std::optional<Timestamp> epoch() const;
  // The latest since this reader was made.
  const std::optional<ledger::Gap>& gap() const { return gap_; }
  // By the source's clock.
  Timestamp Now() const { return api_.Now(); }
  // How many series there were last, and until when: for a source that shows none any more.
  struct LastSeries {
    std::int64_t count = 0;
    Timestamp until;
  };
  const std::optional<LastSeries>& last_series() const { return last_series_; }
  // What appeared instead of a metric that is gone; empty: nothing like it.
  std::vector<std::string> MetricNames(std::stop_token stop);

  // What is to be told of single agents, as of the last read.
  std::shared_ptr<const ledger::MeterReport> Report() const;

 private:
  // A series of an answer whose cursor, if any, is in the store alone.
  struct HeldSeries {
    KnownSeries known;
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<Sample> samples;
  };
  // What is odd about series of the last answer, by key.
  struct Odd {
    std::string message;
  };

  // Whether a source has any series at a time, and when their targets began.
  static constexpr Duration kLastReach = std::chrono::hours(1);
  // Series not seen for so long are forgotten here; the store still knows them.
  static constexpr Duration kForgetAfter = std::chrono::hours(1);
  // Clocks that differ, a slow remote write.
  static constexpr Duration kFarthestFuture = std::chrono::minutes(10);

  std::optional<Problem> Load();
  std::optional<Problem> LoadPrices();
  std::optional<Problem> ReadBaseline(std::stop_token stop);
  std::variant<std::optional<Timestamp>, Problem> FirstSeries(std::stop_token stop);
  std::optional<Problem> ReadRange(Duration interval, std::stop_token stop, ReadOutcome& outcome);
  // Asks, and gives the series to the meter; a problem: the meter's answer is abandoned.
  std::variant<AnswerEnd, Problem> Take(const std::string& expression, Timestamp at,
                                        AnswerParser::Kind kind, bool baseline,
                                        std::stop_token stop);
  AnswerParser::Values Meet(std::span<const Label> labels, KnownSeries*& current);
  void TakeSeries(const KnownSeries& known, std::span<const Label> labels,
                  std::span<const Sample> samples);
  std::optional<Problem> TakeHeld();
  std::optional<Problem> ReadTargets(Timestamp at, std::stop_token stop);
  void AskStartTimes(Timestamp at, std::stop_token stop);
  std::optional<Problem> Commit(std::optional<Timestamp> complete);
  std::optional<Problem> Incomplete(const AnswerEnd& end) const;
  void DistrustFuture(Timestamp now);
  void TellGap(ledger::Gap gap);
  void Forget(Timestamp now);

  const api::SourceConfig source_;
  const attribution::SourceRules rules_;
  const std::string selector_;
  const std::optional<std::string> auxiliary_;  // whose series tell who runs others
  const std::string agent_label_;               // the first that may name the agent
  std::vector<Pattern> accepted_;               // warnings
  ledger::Ledger& ledger_;
  ledger::Store& store_;
  Clock& clock_;
  const pricing::PriceBook* const prices_;
  PrometheusApi api_;
  SeriesTable table_;
  Bookings bookings_;
  Meter meter_;
  Reach reach_;

  std::optional<ledger::SourcePosition> position_;
  Timestamp persisted_complete_;  // position_'s in the store
  bool new_source_ = false;       // the store has no cursor of it
  // Read up to here while the answers are not complete; complete_until stays behind meanwhile.
  std::optional<Timestamp> partial_until_;
  std::uint32_t answers_ = 0;
  std::vector<HeldSeries> held_;
  std::unordered_map<std::uint32_t, Odd> odd_;
  std::unordered_map<std::uint32_t, std::string> renamed_;  // by key: a series of it
  std::optional<Timestamp> oldest_allowed_;  // samples up to here are not spend of ours
  ledger::Batch unsaved_;                    // what the store could not be given yet
  bool has_unsaved_ = false;
  Timestamp last_forgot_;
  PollFigures figures_;
  std::optional<LastSeries> last_series_;

  Outage outage_;  // while behind by more than usual
  std::optional<ledger::Gap> gap_;
};

}  // namespace purser::usage
