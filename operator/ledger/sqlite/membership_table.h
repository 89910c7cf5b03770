// Who was in which pool, when.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ledger/membership.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

Result<std::vector<Membership>> ReadMemberships(const Connection& connection);

class MembershipTable {
 public:
  static Result<MembershipTable> Make(const Connection& connection);

  // Inside the caller's transaction.
  Status Put(const Membership& one) const;
  Status Drop(const Membership& one) const;
  // Drops what ended before the horizon (a minute), and what ended before `recent` of agents of
  // whom nothing was ever booked.
  Status Prune(std::int64_t horizon, std::int64_t recent) const;

 private:
  Statement put_, drop_, prune_;
};

}  // namespace purser::ledger::sqlite
