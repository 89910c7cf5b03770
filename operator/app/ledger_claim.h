// Which ledger a Lease belongs to. Who leads with another ledger than the one before has forgotten
// what was spent, and would lift every limit: the Lease names the ledger, and another one waits for
// somebody to say that it may.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "kube/client.h"
#include "kube/object/object_meta.h"

namespace purser::app {

// On the Lease: the id of the ledger that led last, and of one that may follow it.
inline constexpr const char* kLedgerAnnotation = "purser.dev/ledger";
inline constexpr const char* kAcceptLedgerAnnotation = "purser.dev/accept-ledger";

enum class LedgerClaim {
  kOurs,       // the Lease names this ledger
  kUnclaimed,  // none yet
  kAccepted,   // another one, but this one may follow
  kRefused
};
// `ephemeral`: ledgers of this operator end with their pods, so another one may always follow.
LedgerClaim DecideClaim(const std::map<std::string, std::string>& annotations,
                        const std::string& ledger_id, bool ephemeral);

struct LeaseClaim {
  LedgerClaim claim = LedgerClaim::kUnclaimed;
  std::string uid;      // of the Lease; empty: there is none yet
  std::string before;   // the ledger that led last; empty: none
  std::string refusal;  // for kRefused: why, and what to do
};
// Reads the Lease. `ledger`: where this one is kept, for people.
Result<LeaseClaim> ReadClaim(kube::Client& client, const kube::ObjectKey& lease,
                             const std::string& ledger_id, const std::string& ledger,
                             bool ephemeral, const kube::CallOptions& options);
// Writes the Lease's name of the ledger, and takes the leave to follow away.
Status WriteClaim(kube::Client& client, const kube::ObjectKey& lease, const std::string& ledger_id,
                  const kube::CallOptions& options);

}  // namespace purser::app
