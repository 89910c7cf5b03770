// From what the meter found to what the ledger is given: one increment for each key and minute,
// priced once, and an entry of the journal for each note.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ledger/store.h"
#include "usage/attribution/source_rules.h"
#include "usage/meter/meter.h"
#include "usage/pricing/price_book.h"
#include "usage/prometheus/series_table.h"

namespace purser::usage {

// Not thread-safe.
class Bookings {
 public:
  // All must outlive it; `prices`, for meters that count tokens and no cost, may be null.
  Bookings(std::string source, const attribution::SourceRules& rules, const SeriesTable& table,
           const pricing::PriceBook* prices, Clock& clock)
      : source_(std::move(source)), rules_(rules), table_(table), prices_(prices), clock_(clock) {}

  // Without how far the source was read.
  ledger::Batch Of(const Reading& reading);

  // The prices that the journal named last: a change of them is written with the first batch after
  // it, again until Commit.
  void PricesWere(std::string version) { written_prices_ = std::move(version); }
  void Commit();

  // Keys whose model has no price: when it was last asked for.
  const std::unordered_map<std::uint32_t, Timestamp>& unpriced() const { return unpriced_; }

 private:
  // `cost` and `estimated` alone.
  Amounts CostOf(std::uint32_t key, const Tokens& tokens);
  // Summed by key and minute.
  void AddIncrements(const std::vector<Booked>& booked, std::vector<ledger::Increment>& increments);
  ledger::JournalEntry EntryOf(const Note& note);
  std::optional<ledger::JournalEntry> ChangeOfPrices() const;

  const std::string source_;
  const attribution::SourceRules& rules_;
  const SeriesTable& table_;
  const pricing::PriceBook* const prices_;
  Clock& clock_;
  std::unordered_map<std::uint32_t, Timestamp> unpriced_;
  std::string written_prices_, told_prices_;
};

// Appends `more` to what waits, which keeps its order; how far the source was read is that of
// `more`, where it says so.
void Append(ledger::Batch& waiting, ledger::Batch more);

}  // namespace purser::usage
