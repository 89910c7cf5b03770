// What rows of budgets hold by hysteresis.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ledger/hold.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

Result<std::vector<RowHold>> ReadHolds(const Connection& connection);

class HoldTable {
 public:
  static Result<HoldTable> Make(const Connection& connection);

  // Inside the caller's transaction.
  Status Put(const RowHold& hold) const;
  // Drops what has not changed since: its budget is gone.
  Status Prune(Timestamp before) const;

 private:
  Statement put_, drop_, prune_;
};

}  // namespace purser::ledger::sqlite
