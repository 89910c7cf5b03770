// What the gate (gate/) has promised and how that ended, kept with the money: one transaction books
// a fact and keeps the end of its reservation.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace purser::ledger {

struct KeptAdmission {
  std::string id;  // unique; a later one replaces an earlier
  Timestamp made;
  bool ended = false;  // nothing of it counts any more: dropped when it is old
  std::string body;    // the gate's own, at most kLongestAdmission bytes
  bool operator==(const KeptAdmission&) const = default;
};
inline constexpr std::size_t kLongestAdmission = 8192;
// So long one that ended is kept, for clients that ask again.
inline constexpr Duration kKeepAdmissionsFor = std::chrono::hours(25);

// Thread-safe; waits for the disk. Written by Store::Commit.
class AdmissionLog {
 public:
  virtual ~AdmissionLog() = default;
  // All that are kept, in the order in which they were made.
  virtual Result<std::vector<KeptAdmission>> Admissions() = 0;
};

}  // namespace purser::ledger
