#include "usage/prometheus/series_table.h"

#include <utility>

namespace purser::usage {

std::size_t SeriesTable::KeyHash::operator()(const ledger::SpendKey& key) const {
  std::size_t hash = 0;
  for (const auto* text : {&key.ns, &key.agent, &key.model, &key.task, &key.workflow})
    hash = hash * 31 + std::hash<std::string>{}(*text);
  return hash;
}

SeriesTable::SeriesTable(const attribution::SourceRules& rules)
    : rules_(rules), identifier_(rules) {}

void SeriesTable::SetTargets(attribution::TargetTable targets) { targets_ = std::move(targets); }

KnownSeries& SeriesTable::Find(std::span<const Label> labels) {
  const auto [found, inserted] = series_.try_emplace(identifier_.Raw(labels));
  KnownSeries& known = found->second;
  if (inserted) {
    const auto identified = identifier_.Identify(labels);
    known.identity = identified.identity;
    known.all_labels = identified.raw;
    known.raw = identified.raw.low;
    known.aggregated = identified.aggregated;
    known.client = identified.client;
    Attribute(known, labels);
  } else if (known.unattributed && targets_) {
    Attribute(known, labels);  // its target may have told by now who runs it
  }
  return known;
}

void SeriesTable::Attribute(KnownSeries& known, std::span<const Label> labels) {
  const auto attribution = attribution::Attribute(rules_, labels, targets_ ? &*targets_ : nullptr);
  known.key = Number(attribution.key);
  keys_[known.key].provider = attribution.provider;
  known.quantity = attribution.quantity;
  known.left_out = attribution.left_out;
  known.unattributed = attribution.unattributed;
  known.shortened = attribution.shortened;
  known.renamed = attribution.exported_namespace;
  known.unknown_kind = attribution.unknown_token_type;
}

std::uint32_t SeriesTable::Number(const ledger::SpendKey& key) {
  const auto [found, inserted] =
      numbers_.try_emplace(key, static_cast<std::uint32_t>(keys_.size()));
  if (inserted) keys_.push_back({key, Timestamp{}, {}});
  return found->second;
}

void SeriesTable::Forget(std::uint32_t answer) {
  std::erase_if(series_, [&](const auto& entry) { return entry.second.seen_in < answer; });
}

}  // namespace purser::usage
