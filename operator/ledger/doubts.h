// What is held now, in memory: by source and namespace, so that a total finds its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/journal.h"
#include "ledger/store.h"

namespace purser::ledger {

// Held entries beyond so many are known to the store alone, until there is room.
inline constexpr std::size_t kMostDoubts = 10'000;

// Not thread-safe: the ledger guards it.
class Doubts {
 public:
  // An entry that is held, with its id. False: it was known, or there is no room.
  bool Add(const JournalEntry& entry);
  // The entry, if it was known.
  std::optional<JournalEntry> Remove(std::int64_t id);
  // Of a sum of which a part was settled: the entry as it was, if it was known.
  std::optional<JournalEntry> Lower(std::int64_t id, const Amounts& left);
  // Those that an entry of a batch settles.
  std::vector<std::int64_t> SettledBy(const JournalEntry& settling) const;
  // Those whose agents and time are covered, by id, newest first when cut to `most`.
  std::vector<JournalEntry> Of(const Coverage& coverage, std::size_t most) const;

  std::size_t size() const { return places_.size(); }

 private:
  using Place = std::pair<std::string, std::string>;  // source, namespace
  std::map<Place, std::map<std::int64_t, JournalEntry>> entries_;
  std::map<std::int64_t, Place> places_;
};

}  // namespace purser::ledger
