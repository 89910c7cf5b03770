// The rows of the admission log.
#pragma once

#include <vector>

#include "base/result.h"
#include "ledger/admission_log.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

Result<std::vector<KeptAdmission>> ReadAdmissions(const Connection& connection);

// Writes are made inside the caller's transaction.
class AdmissionTable {
 public:
  static Result<AdmissionTable> Make(const Connection& connection);

  // Puts them, and drops a few that ended and are old.
  Status Put(const std::vector<KeptAdmission>& admissions) const;

 private:
  Statement put_, prune_;
};

}  // namespace purser::ledger::sqlite
