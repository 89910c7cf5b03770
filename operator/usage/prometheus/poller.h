// Reads one Prometheus source on a thread of its own, books what it finds, and tells the ledger how
// it went.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "api/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "net/http_transport.h"

namespace purser::usage::pricing {
class PriceBook;
}

namespace purser::usage {

// A snapshot for metrics.
struct PollFigures {
  std::uint64_t polls = 0;               // queries sent
  std::uint64_t errors = 0;              // of those, answers that could not be used or booked
  Duration last_duration{};              // of the last query, parsing and committing included
  std::int64_t series = 0;               // in the last complete answer
  std::int64_t samples = 0;              // in the last complete answer
  std::int64_t bytes = 0;                // of the last complete answer
  std::uint64_t resets = 0;              // counters that began again
  std::int64_t unattributed_series = 0;  // of the last answer: without a namespace or an agent
  std::int64_t shortened_series = 0;     // of the last answer: a label longer than the ledger keeps
  std::int64_t quarantined_series = 0;   // of the last answer: no numbers, not booked
  std::optional<Timestamp> complete_until;  // the source has been read up to here
  std::optional<Timestamp> newest_sample;
};

// One query per poll for all series. Makes no thread: the caller gives Run one.
class PrometheusPoller {
 public:
  // `ledger` must write to `store`. `prices`: for meters that count tokens and no cost; may be
  // null. All that is referred to must outlive the poller.
  PrometheusPoller(const api::SourceConfig& config, net::HttpTransport& transport,
                   ledger::Ledger& ledger, ledger::Store& store, Clock& clock,
                   const pricing::PriceBook* prices = nullptr);
  ~PrometheusPoller();

  // Until `stop` (Ok), or kFenced: another leader books now. Every other failure is told to the
  // ledger (SetHealth) and retried.
  Status Run(std::stop_token stop);

  // Thread-safe from here on.
  // Polls this far apart, from 1 s up to the configured interval, for when a threshold is near. Of
  // several requests between two polls the shortest counts; without one the interval doubles back
  // to the configured one. At most a fifth of the time goes into such polls.
  void RequestInterval(Duration interval);
  PollFigures Figures() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::usage
