#include "ledger/doubts.h"

#include <algorithm>

#include "ledger/totals.h"

namespace purser::ledger {

bool Doubts::Add(const JournalEntry& entry) {
  if (places_.size() >= kMostDoubts || places_.contains(entry.id)) return false;
  const Place place{entry.key.source, entry.key.ns};
  places_.emplace(entry.id, place);
  entries_[place].emplace(entry.id, entry);
  return true;
}

std::optional<JournalEntry> Doubts::Remove(std::int64_t id) {
  const auto place = places_.find(id);
  if (place == places_.end()) return std::nullopt;
  const auto there = entries_.find(place->second);
  const auto found = there->second.find(id);
  std::optional<JournalEntry> entry(std::move(found->second));
  there->second.erase(found);
  if (there->second.empty()) entries_.erase(there);
  places_.erase(place);
  return entry;
}

std::optional<JournalEntry> Doubts::Lower(std::int64_t id, const Amounts& left) {
  const auto place = places_.find(id);
  if (place == places_.end()) return std::nullopt;
  auto& entry = entries_.at(place->second).at(id);
  const auto before = entry;
  entry.amount = left;
  return before;
}

std::vector<std::int64_t> Doubts::SettledBy(const JournalEntry& settling) const {
  std::vector<std::int64_t> ids;
  const auto there = entries_.find({settling.key.source, settling.key.ns});
  if (settling.held != HeldState::kSettled || there == entries_.end()) return ids;
  for (const auto& [id, entry] : there->second) {
    if (Settles(settling, entry)) ids.push_back(id);
  }
  return ids;
}

std::vector<JournalEntry> Doubts::Of(const Coverage& coverage, std::size_t most) const {
  std::vector<JournalEntry> found;
  const auto there = entries_.find({coverage.source, coverage.ns});
  if (there == entries_.end()) return found;
  for (auto i = there->second.rbegin(); i != there->second.rend() && found.size() < most; ++i) {
    if (Covers(coverage, i->second.key, i->second.at)) found.push_back(i->second);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace purser::ledger
