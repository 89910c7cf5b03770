// Makes old minutes coarser and drops the oldest, inside the caller's transactions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// What one round of folding does; minutes since 1970.
struct FoldPlan {
  std::int64_t from = 0;     // folded already up to here
  std::int64_t until = 0;    // fold up to here: a multiple of a quarter of an hour
  std::int64_t horizon = 0;  // before it only the newest bucket of a key is kept, as the base
};

class Folding {
 public:
  static Result<Folding> Make(const Connection& connection);

  Result<std::int64_t> FoldedUntil() const;
  Status SetFoldedUntil(std::int64_t minute) const;

  // The next keys after `key_id`, ascending; empty at the end.
  Result<std::vector<std::int64_t>> KeysAfter(std::int64_t key_id) const;
  // Since buckets are cumulative, folding is deleting all but the last of each quarter.
  Status Fold(std::int64_t key_id, const FoldPlan& plan) const;
  // Cursors of series not seen since.
  Status DropCursorsBefore(std::int64_t minute) const;

 private:
  Statement folded_until_, set_folded_until_, keys_after_, fold_, collapse_, drop_key_,
      drop_cursors_;
};

}  // namespace purser::ledger::sqlite
