// The spend ledger: what was spent by whom in [a, b), durable and exact; totals of open windows in
// memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/store.h"
#include "money/money.h"

namespace purser::ledger {

struct Total {
  Money spent;  // in [start, end)
  // Rates, whatever the window: booked in the hour, and in the 5 minutes, before `now`. Counted by
  // whole minutes; of the oldest one only the share that lies inside, so that a steady burn reads
  // steadily.
  Money last_hour;
  Money last_5_minutes;
  std::vector<std::pair<std::string, Money>> agents;  // in [start, end), dearest first
};

// Spend that may be missing for good.
struct Gap {
  Timestamp until;   // what is missing was spent before
  std::string text;  // for people
  bool operator==(const Gap&) const = default;
};

struct SourceHealth {
  enum class State { kNeverRead, kHealthy, kLost };
  State state = State::kNeverRead;
  std::string reason;   // CamelCase for a condition: PrometheusUnreachable, QueryFailed,
                        // IncompleteAnswer, NotANumber, DuplicateWriters, StoreUnavailable …
  std::string message;  // for people: what happened, what to do
  std::optional<Timestamp> last_read;  // the last complete answer
  std::optional<Gap> gap;              // the latest that is known, since the operator started
  bool operator==(const SourceHealth&) const = default;
};

// Thread-safe. Readers never wait for the disk; Track and Commit do.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Keeps a running total under `id` from now on, replacing any earlier coverage of that id (a
  // no-op if equal). Loads what is already booked. Error: the store's.
  virtual Status Track(const std::string& id, const Coverage& coverage) = 0;
  virtual void Untrack(const std::string& id) = 0;
  // The total as of the last commit; nothing if `id` is not tracked. `now` decides the rates' hour
  // and minutes.
  virtual std::optional<Total> Read(const std::string& id, Timestamp now) const = 0;
  // The sum booked for any interval (history of closed windows): reads the store.
  virtual Result<Money> Sum(const Coverage& coverage) const = 0;

  // Called after each commit, outside locks, with the ids whose total changed. Set before the first
  // commit.
  virtual void OnChange(std::function<void(const std::vector<std::string>& ids)> listener) = 0;

  // Health of a source, as told by whoever reads it. The listener is called outside locks on every
  // change but that of last_read alone.
  virtual void SetHealth(const std::string& source, SourceHealth health) = 0;
  virtual SourceHealth Health(const std::string& source) const = 0;
  virtual void OnHealth(std::function<void(const std::string& source)> listener) = 0;

  // Books one batch: increments and the cursors they came from in one store transaction, then the
  // totals in memory. On an error nothing changed, in the store or in memory. kFenced: another
  // leader has taken over.
  virtual Status Commit(const Batch& batch) = 0;
};

// `store` has been taken over (Store::TakeOver); who writes beside this ledger makes its totals
// wrong.
std::unique_ptr<Ledger> MakeLedger(std::unique_ptr<Store> store, Clock& clock);

}  // namespace purser::ledger
