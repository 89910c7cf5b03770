// The journal's rows. Entries carry their source by name: they outlive what they tell of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/journal.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// Of any connection; read by whoever may only read too.
Result<std::vector<JournalEntry>> ReadJournal(const Connection& connection,
                                              const JournalFilter& filter);

// Writes are made inside the caller's transaction.
class JournalTable {
 public:
  static Result<JournalTable> Make(const Connection& connection);

  // Gives it its id, and settles what it settles. An entry of an origin that is there already is
  // left as it is: its id is given.
  Status Append(JournalEntry& entry) const;
  Status SetHeld(std::int64_t id, HeldState state, const std::string& by) const;

  Result<std::optional<JournalEntry>> Find(std::int64_t id) const;
  Result<std::optional<std::int64_t>> FindOrigin(const std::string& origin) const;

  // Drops up to `most` entries that are recorded before, or beyond so many newest ones; what is
  // held or has an origin (so that it is never booked twice) only before `held_before`. How many it
  // dropped.
  struct Bounds {
    Timestamp before;
    Timestamp held_before;
    std::int64_t most_kept = 0;
  };
  Result<std::int64_t> Prune(const Bounds& bounds, std::int64_t most) const;

 private:
  explicit JournalTable(const Connection& connection) : connection_(&connection) {}

  // Takes what it settles off the sum in which it was held with others, if it was.
  Status SettleInSum(JournalEntry& entry) const;

  const Connection* connection_;
  Statement append_, settle_, own_, sums_, set_left_, set_held_, find_, find_origin_, prune_,
      prune_beyond_;
};

}  // namespace purser::ledger::sqlite
