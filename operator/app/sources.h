// The configured sources while this replica leads: a poller each, and what they tell.
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "ledger/ledger.h"
#include "ledger/store.h"
#include "observability/metrics.h"
#include "usage/pricing/price_book.h"

namespace purser::app {

// Thread-safe. What is given to Make must outlive it.
class Sources {
 public:
  // Error kInvalidArgument, with the source's name: PEM files or a URL that cannot be used.
  static Result<std::unique_ptr<Sources>> Make(const std::vector<api::SourceConfig>& configs,
                                               const api::PricesConfig& prices,
                                               ledger::Ledger& ledger, ledger::Store& store,
                                               Clock& clock);
  ~Sources();

  std::size_t size() const;  // of those that read Prometheus
  usage::pricing::PriceBook& prices();
  // Reads a price catalogue of the configuration's again when it changed, until `stop`.
  void WatchPrices(std::stop_token stop);
  // Polls one of them, on the calling thread, until `stop`; an error when polling cannot go on.
  Status Run(std::size_t source, std::stop_token stop);
  // A threshold may be reached in so long: poll the source as often as that asks for.
  void PollSooner(const std::string& source, Duration threshold_in);
  std::vector<observability::SourceSample> Samples() const;

 private:
  struct Source;
  Sources(const api::PricesConfig& prices, ledger::Ledger& ledger, Clock& clock);

  ledger::Ledger& ledger_;
  Clock& clock_;
  usage::pricing::PriceBook prices_;
  const Timestamp since_;  // when reading began
  std::vector<Source> sources_;
};

}  // namespace purser::app
