// Makes old minutes coarser and drops the oldest, inside the caller's transactions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// What one round of folding does; minutes since 1970.
struct FoldPlan {
  std::int64_t source_id = 0;
  std::int64_t from = 0;     // folded already up to here
  std::int64_t until = 0;    // fold up to here: a multiple of a quarter of an hour
  std::int64_t horizon = 0;  // before it only the newest bucket of a key is kept, as the base
};

class Folding {
 public:
  static Result<Folding> Make(const Connection& connection);

  // Of every source: up to where it is folded.
  Result<std::vector<FoldPlan>> Plans() const;
  Status SetFolded(const FoldPlan& plan) const;

  // The next keys of the source after `key_id`, ascending; empty at the end.
  Result<std::vector<std::int64_t>> KeysAfter(std::int64_t source_id, std::int64_t key_id) const;
  // Since buckets are cumulative, folding is deleting all but the last of each quarter, and of each
  // part of one where the agent came into a pool, or left it.
  Status Fold(std::int64_t key_id, const FoldPlan& plan) const;

 private:
  Statement plans_, set_folded_, keys_after_, borders_, fold_, fold_between_borders_, collapse_,
      drop_key_;
};

}  // namespace purser::ledger::sqlite
