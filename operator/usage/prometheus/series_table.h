// What is known of the series a source shows: whose they are and what they count, found once for
// each series, and the numbers that stand for spend keys while a reader lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "ledger/spend_key.h"
#include "ledger/store.h"
#include "usage/attribution/attribution.h"
#include "usage/attribution/series_identity.h"
#include "usage/attribution/source_rules.h"
#include "usage/attribution/target_table.h"
#include "usage/meter/meter.h"

namespace purser::usage {

struct KnownSeries {
  ledger::SeriesId identity;
  ledger::SeriesId all_labels;  // what ledgers before schema 2 know the series by
  std::uint64_t raw = 0;        // of all labels
  std::uint32_t key = 0;
  std::uint32_t client = 0;  // attribution::Identified
  Quantity quantity = Quantity::kCost;
  bool aggregated = false;
  bool left_out = false;
  bool unattributed = false;  // no namespace, or no agent
  bool shortened = false;     // a label was longer than the ledger keeps
  bool renamed = false;       // its own namespace label was renamed to exported_namespace
  bool unknown_kind = false;  // left out: tokens of a kind that is not known
  std::uint32_t seen_in = 0;  // the last answer that had it
  // Read last from this series; nothing: only its value at some time was seen.
  std::optional<std::int64_t> last_value;
};

// Not thread-safe; no allocation for a series that is known.
class SeriesTable {
 public:
  // `rules` must outlive it.
  explicit SeriesTable(const attribution::SourceRules& rules);

  // What the series do not tell themselves; series that were nobody's are looked at again.
  void SetTargets(attribution::TargetTable targets);

  // Stays valid until Forget.
  KnownSeries& Find(std::span<const Label> labels);

  std::uint32_t Number(const ledger::SpendKey& key);
  const ledger::SpendKey& Key(std::uint32_t number) const { return keys_[number].key; }
  // Whose model it is, for its price; "": the series did not say.
  const std::string& Provider(std::uint32_t number) const { return keys_[number].provider; }
  std::size_t keys() const { return keys_.size(); }

  // The last sample seen of a key; nothing yet: the epoch of 1970.
  void Saw(std::uint32_t key, Timestamp at) {
    auto& known = keys_[key].last_sample;
    if (at > known) known = at;
  }
  Timestamp LastSample(std::uint32_t key) const { return keys_[key].last_sample; }

  // Series not in any answer since `answer` are forgotten; keys are not.
  void Forget(std::uint32_t answer);

 private:
  struct Hash {
    std::size_t operator()(const ledger::SeriesId& id) const {
      return static_cast<std::size_t>(id.low);
    }
  };
  struct KeyHash {
    std::size_t operator()(const ledger::SpendKey& key) const;
  };
  struct KnownKey {
    ledger::SpendKey key;
    Timestamp last_sample;
    std::string provider;
  };

  void Attribute(KnownSeries& known, std::span<const Label> labels);

  const attribution::SourceRules& rules_;
  attribution::SeriesIdentifier identifier_;
  std::optional<attribution::TargetTable> targets_;
  std::unordered_map<ledger::SeriesId, KnownSeries, Hash> series_;  // by the hash of all labels
  std::unordered_map<ledger::SpendKey, std::uint32_t, KeyHash> numbers_;
  std::vector<KnownKey> keys_;
};

}  // namespace purser::usage
