// SpendCorrection: books it in the ledger once it is approved, and tells what became of it.
#pragma once

#include <set>
#include <string>

#include "api/spend_correction.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/caches.h"
#include "kube/client.h"
#include "kube/events.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// Its own name, so that the approver's fields of the status stay his.
struct CorrectionOutcome {
  std::string state;    // Requested | Applied | Denied | Failed
  bool booked = false;  // the condition Booked
  std::string reason;   // of it, CamelCase
  std::string message;
  std::int64_t entry = 0;
  std::string amount;  // signed decimal
};

class SpendCorrectionController {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    ledger::Ledger& ledger;
    Clock& clock;
    std::set<std::string> sources;  // names in the configuration
  };
  explicit SpendCorrectionController(Dependencies dependencies);

  // Level-based: right from any state; the ledger books each correction once, by its UID. An error
  // (the ledger or the API server cannot be written) is retried by the caller with backoff.
  Status Reconcile(const kube::ObjectKey& key);

 private:
  // What is to become of it; an error: not known yet.
  Result<CorrectionOutcome> Settle(const api::SpendCorrection& correction);
  Result<CorrectionOutcome> Book(const api::SpendCorrection& correction);

  const Dependencies on_;
};

}  // namespace purser::controllers
