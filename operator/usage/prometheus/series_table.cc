#include "usage/prometheus/series_table.h"

#include <utility>

namespace purser::usage {

std::size_t SeriesTable::NameHash::operator()(const Name& name) const {
  std::uint64_t hash = 0;
  for (const auto number : {name.ns, name.agent, name.model, name.task, name.workflow})
    hash = (hash ^ number) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(hash ^ hash >> 32);
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
  keys_[known.key].provider = TextNumber(attribution.provider);
  known.quantity = attribution.quantity;
  known.left_out = attribution.left_out;
  known.unattributed = attribution.unattributed;
  known.shortened = attribution.shortened;
  known.renamed = attribution.exported_namespace;
  known.unknown_kind = attribution.unknown_token_type;
}

std::uint32_t SeriesTable::TextNumber(const std::string& text) {
  const auto [found, inserted] =
      text_numbers_.try_emplace(text, static_cast<std::uint32_t>(texts_.size()));
  if (inserted) texts_.push_back(&found->first);
  return found->second;
}

std::uint32_t SeriesTable::Number(const ledger::SpendKey& key) {
  const Name name{TextNumber(key.ns), TextNumber(key.agent), TextNumber(key.model),
                  TextNumber(key.task), TextNumber(key.workflow)};
  const auto [found, inserted] =
      numbers_.try_emplace(name, static_cast<std::uint32_t>(keys_.size()));
  if (!inserted) return found->second;
  const auto [agent, is_new] = agent_numbers_.try_emplace(
      std::uint64_t{name.ns} << 32 | name.agent, static_cast<std::uint32_t>(agents_.size()));
  if (is_new) agents_.push_back({name.ns, name.agent, Timestamp{}});
  keys_.push_back({name, agent->second, TextNumber("")});
  return found->second;
}

ledger::SpendKey SeriesTable::Key(std::uint32_t number) const {
  const auto& name = keys_[number].name;
  return {rules_.source,    Text(name.ns),   Text(name.agent),
          Text(name.model), Text(name.task), Text(name.workflow)};
}

void SeriesTable::Forget(std::uint32_t answer) {
  std::erase_if(series_, [&](const auto& entry) { return entry.second.seen_in < answer; });
}

}  // namespace purser::usage
