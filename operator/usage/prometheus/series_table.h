// What is known of the series a source shows: whose they are and what they count, found once for
// each series, and the numbers that stand for spend keys while a reader lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  ledger::SpendKey Key(std::uint32_t number) const;
  const std::string& Model(std::uint32_t number) const { return Text(keys_[number].name.model); }
  // Whose model it is, for its price; "": the series did not say.
  const std::string& Provider(std::uint32_t number) const { return Text(keys_[number].provider); }

  // Of one agent, whatever the model and task: views live as long as the table.
  struct Agent {
    std::string_view ns, name;
    Timestamp last_sample;  // seen; nothing yet: the epoch of 1970
  };
  Agent AgentOf(std::uint32_t key) const { return AgentAt(keys_[key].agent); }
  std::size_t agents() const { return agents_.size(); }
  Agent AgentAt(std::size_t i) const {
    return {Text(agents_[i].ns), Text(agents_[i].name), agents_[i].last_sample};
  }

  void Saw(std::uint32_t key, Timestamp at) {
    auto& known = agents_[keys_[key].agent].last_sample;
    if (at > known) known = at;
  }

  // Series not in any answer since `answer` are forgotten; keys are not.
  void Forget(std::uint32_t answer);

 private:
  struct Hash {
    std::size_t operator()(const ledger::SeriesId& id) const {
      return static_cast<std::size_t>(id.low);
    }
  };
  // By numbers of texts: ten thousand keys have few names.
  struct Name {
    std::uint32_t ns = 0, agent = 0, model = 0, task = 0, workflow = 0;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& name) const;
  };
  struct KnownKey {
    Name name;
    std::uint32_t agent = 0;  // in agents_
    std::uint32_t provider = 0;
  };
  struct KnownAgent {
    std::uint32_t ns = 0, name = 0;
    Timestamp last_sample;
  };

  std::uint32_t TextNumber(const std::string& text);
  const std::string& Text(std::uint32_t number) const { return *texts_[number]; }
  void Attribute(KnownSeries& known, std::span<const Label> labels);

  const attribution::SourceRules& rules_;
  attribution::SeriesIdentifier identifier_;
  std::optional<attribution::TargetTable> targets_;
  std::unordered_map<ledger::SeriesId, KnownSeries, Hash> series_;  // by the hash of all labels
  std::unordered_map<std::string, std::uint32_t> text_numbers_;
  std::vector<const std::string*> texts_;  // keys of text_numbers_
  std::unordered_map<Name, std::uint32_t, NameHash> numbers_;
  std::vector<KnownKey> keys_;
  std::unordered_map<std::uint64_t, std::uint32_t> agent_numbers_;  // by both texts' numbers
  std::vector<KnownAgent> agents_;
};

}  // namespace purser::usage
