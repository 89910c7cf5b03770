// Single calls, beside the totals they were booked in: what was called, when, by whom, at what
// price. And the ids of the last day, so that a record that is sent again is booked once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/spend_key.h"
#include "money/amounts.h"

namespace purser::ledger {

enum class Outcome { kSuccess, kFailure, kRetry };

// One call of a model. Texts as the ledger's names: up to kLongestName bytes.
struct Call {
  SpendKey key;
  Timestamp at;
  std::string id;  // of the record, unique in its namespace
  std::string provider, parent, error;
  Outcome outcome = Outcome::kSuccess;
  Amounts amounts;
  bool held = false;  // in doubt: in the journal, not in the totals
  bool operator==(const Call&) const = default;
};

// What stands for a record's id: a keyed hash of namespace and id.
using CallId = std::uint64_t;

// Which calls, newest first; every field narrows.
struct CallFilter {
  std::string source, ns;                            // both always
  std::string agent = {}, task = {}, workflow = {};  // "": any
  std::optional<Timestamp> since = {};               // by the call's own time
  std::optional<Timestamp> until = {};               // before
  std::size_t most = 100;
};

// Single calls that go with a batch, and their ids.
struct CallsOfBatch {
  std::vector<Call> calls;
  std::vector<CallId> ids;
  Timestamp received;
};

struct Batch;
// What tells a batch from every other that lives, however often it is moved: where its first
// increment is kept, or entry of the journal; null when it has neither.
const void* BatchToken(const Batch& batch);

// Of a store. Thread-safe.
class CallLog {
 public:
  virtual ~CallLog() = default;

  // Written with that batch, in its transaction, until Drop. `batch`: BatchToken of it.
  virtual void Put(const void* batch, CallsOfBatch calls) = 0;
  virtual void Drop(const void* batch) = 0;

  // The key of the hash behind CallId: made with the ledger, and never changed.
  virtual Result<std::pair<std::uint64_t, std::uint64_t>> IdSeed() = 0;
  // Ids of a source received since, oldest first: what a new leader knows again. Those of before
  // schema 7 are every source's.
  virtual Status ForEachId(const std::string& source, Timestamp since,
                           const std::function<void(CallId id, Timestamp received)>& visit) = 0;

  virtual Result<std::vector<Call>> Calls(const CallFilter& filter) = 0;

  // Drops calls received before, the oldest beyond a number, and ids received before
  // `ids_before`, a part at a time. False: there is more to drop.
  virtual Result<bool> Prune(Timestamp calls_before, std::int64_t most_calls,
                             Timestamp ids_before) = 0;
};

}  // namespace purser::ledger
