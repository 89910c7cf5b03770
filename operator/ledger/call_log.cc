#include "ledger/call_log.h"

#include "ledger/store.h"

namespace purser::ledger {

const void* BatchToken(const Batch& batch) {
  if (!batch.increments.empty()) return batch.increments.data();
  return batch.journal.empty() ? nullptr : static_cast<const void*>(batch.journal.data());
}

}  // namespace purser::ledger
