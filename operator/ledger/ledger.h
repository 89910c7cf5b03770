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
#include "ledger/journal.h"
#include "ledger/source_health.h"
#include "ledger/store.h"
#include "money/amounts.h"

namespace purser::ledger {

// A source with two meters, a counter that is read and records of calls. Records are kept as a
// source of their own, and never added to what the counter told.
enum class Counts { kHigher, kMeter, kRecords };
// What a source's records are booked under; no source of a configuration has such a name.
inline std::string RecordsOf(const std::string& source) { return source + ":records"; }

// What each of two meters told of the same.
struct BothMeters {
  Amounts meter;
  Amounts records;
  Amounts higher;  // for each agent the higher of both, summed
  bool operator==(const BothMeters&) const = default;
};

struct Total {
  Amounts spent;  // in [start, end), booked; provisional amounts included (see Commit)
  // Held in doubt in [start, end): counted by nobody but budgets with onDoubt: Count.
  Amounts in_doubt;
  std::int64_t doubts = 0;  // entries behind in_doubt
  // Rates, whatever the window: booked in the hour, and in the 5 minutes, before `now`. Counted by
  // whole minutes; of the oldest one only the share that lies inside, so that a steady burn reads
  // steadily. Never below zero.
  Amounts last_hour;
  Amounts last_5_minutes;
  Amounts dearest_minute;  // of each amount, the most that was booked in a minute of that hour
  std::optional<BothMeters> both;  // of a source with two meters
};

// Thread-safe. Readers never wait for the disk; Track, Commit, Correct, Sum, Journal,
// SetMembers, Holds and KeepHolds do.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // From now on what counts of this source, for each agent in each time that is asked for, is what
  // `counts` says of its counter and of its records. Before the first Track.
  virtual void Pair(const std::string& source, Counts counts) = 0;

  // Keeps a running total under `id` from now on, replacing any earlier coverage of that id (a
  // no-op if equal). Loads what is already booked. Error: the store's.
  virtual Status Track(const std::string& id, const Coverage& coverage) = 0;
  virtual void Untrack(const std::string& id) = 0;
  // The total as of the last commit; nothing if `id` is not tracked. `now` decides the rates' hour
  // and minutes. Costs the same however many agents there are.
  virtual std::optional<Total> Read(const std::string& id, Timestamp now) const = 0;
  // Booked in (now - span, now], counted as the rates of Read; nothing if `id` is not tracked.
  // `span` up to an hour.
  virtual Amounts Recent(const std::string& id, Timestamp now, Duration span) const = 0;
  // Who makes up the total: the `most` dearest first, and how many there are. For a status.
  struct AgentTotals {
    std::vector<AgentSpend> dearest;
    std::size_t count = 0;
  };
  virtual AgentTotals Agents(const std::string& id, std::size_t most) const = 0;
  // The sum booked for any interval (history of closed windows): reads the store.
  virtual Result<Amounts> Sum(const Coverage& coverage) const = 0;
  // The same of each agent, sorted by name: reads the store.
  virtual Result<std::vector<AgentSpend>> SumByAgent(const Coverage& coverage) const = 0;

  virtual Result<std::vector<JournalEntry>> Journal(const JournalFilter& filter) const = 0;
  // What is held now, of a coverage's agents and time: from memory.
  virtual std::vector<JournalEntry> Doubts(const Coverage& coverage, std::size_t most) const = 0;

  // Tells who is in these pools from now on; no I/O where that is known. What cannot be written
  // counts all the same, and is written by a later call. Error: what is known could not be read.
  virtual Status SetMembers(const std::vector<PoolMembers>& pools, Told told = Told::kThese) = 0;
  // Who was in a pool when, sorted by agent and time; nothing of a pool that was never told.
  virtual std::vector<Membership> Members(const std::string& ns, const std::string& pool) const = 0;

  // What the row holds by hysteresis under this spec. From memory; the first call reads the store.
  // Error: what is known could not be read.
  virtual Result<std::vector<std::string>> Holds(const std::string& row,
                                                 const std::string& spec) = 0;
  // What these rows hold from now on. What cannot be written is so all the same, and is written by
  // a later call.
  virtual void KeepHolds(const std::vector<RowHold>& holds) = 0;

  // Called after each commit and correction, outside locks, with the ids whose total changed, on
  // the thread that MakeLedger was told. Set before the first commit.
  virtual void OnChange(std::function<void(const std::vector<std::string>& ids)> listener) = 0;

  // Health of a source, as told by whoever reads it. The listener is called outside locks on every
  // change that SameForReaders sees.
  virtual void SetHealth(const std::string& source, SourceHealth health) = 0;
  virtual SourceHealth Health(const std::string& source) const = 0;
  virtual void OnHealth(std::function<void(const std::string& source)> listener) = 0;

  // Books one batch: increments, cursors and journal in one store transaction, then the totals in
  // memory. Batches of several callers share a transaction. When the store cannot be written
  // (kUnavailable) the batch's increments count provisionally: in totals, until the source's next
  // batch, booked or not, replaces them; so decisions go on while a volume is full. kFenced:
  // another leader has taken over.
  virtual Status Commit(Batch batch) = 0;
  // Books a correction, or decides a doubt, once. Errors as Store::Correct.
  virtual Result<Corrected> Correct(const Correction& correction) = 0;
};

// Who calls the listener of OnChange: whoever committed, before Commit returns; or a thread of the
// ledger's own, so that evaluating keeps no committer waiting: ids that change while the listener
// is busy are told together. OnChange({}) then waits for a call under way.
enum class ChangesOn { kCommittersThread, kOwnThread };

// `store` has been taken over (Store::TakeOver); who writes beside this ledger makes its totals
// wrong.
std::unique_ptr<Ledger> MakeLedger(std::unique_ptr<Store> store, Clock& clock,
                                   ChangesOn changes_on = ChangesOn::kCommittersThread);

}  // namespace purser::ledger
