// Where buckets, cursors and the journal are kept. Implementations: ledger/sqlite. Each call is one
// transaction; all of them work in bulk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/admission_log.h"
#include "ledger/hold.h"
#include "ledger/journal.h"
#include "ledger/membership.h"
#include "ledger/spend_key.h"
#include "money/amounts.h"

namespace purser::ledger {

struct Increment {
  SpendKey key;
  Timestamp at;     // the sample's own time, not before 1970
  Amounts amounts;  // not all zero; negative for what is taken back, with a journal entry beside it
};

// 128 bits of a hash over source and identity: two identities never share a cursor.
struct SeriesId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const SeriesId&) const = default;
};

// Where reading stands in one counter, so that a replay books nothing twice. What `state` holds is
// the meter's own (usage/meter); the store keeps it.
struct SeriesCursor {
  SeriesId series;
  Timestamp last_time;  // of the last sample that was read
  std::string state;    // at most kLongestCursor bytes
  bool operator==(const SeriesCursor&) const = default;
};
inline constexpr std::size_t kLongestCursor = 512;

// The largest plausible rate of one spend key, learned by the meter (units of it a second).
struct KeyRate {
  SpendKey key;
  std::int64_t per_second = 0;
  Timestamp at;  // when it was last raised or decayed
  bool operator==(const KeyRate&) const = default;
};

struct Batch {
  std::string source;
  std::vector<Increment> increments;        // of this source only
  std::vector<SeriesCursor> cursors;        // those that moved
  std::vector<JournalEntry> journal;        // what explains the increments, and what is held
  std::vector<KeyRate> rates;               // those that changed
  std::optional<Timestamp> complete_until;  // the source was read completely up to here
  std::optional<Timestamp> newest_sample;   // the newest sample there was
  std::vector<KeptAdmission> admissions;    // with what ends them booked in the increments
  // Not of the source's reader: what of that counts provisionally goes on, and this never does.
  bool beside = false;
};

// What the store knows of one source.
struct SourcePosition {
  Timestamp epoch;  // spend before it is not known
  std::optional<Timestamp> complete_until;
  std::optional<Timestamp> newest_sample;
  bool operator==(const SourcePosition&) const = default;
};

// An agent of whom only the time in [since, until) counts; minutes since 1970.
struct AgentSpan {
  std::string agent;
  std::int64_t since = kEver;
  std::int64_t until = kStill;
  auto operator<=>(const AgentSpan&) const = default;
};

// Who spends, over what time: what a budget wants summed.
struct Coverage {
  std::string source;
  std::string ns;
  bool whole_namespace = false;     // every agent of the namespace, known to a pool or not
  std::vector<std::string> agents;  // sorted, unique; ignored when whole_namespace
  // [start, end), rounded outwards to whole minutes. Older than two days: exact on multiples of a
  // quarter of an hour, which every boundary of a calendar window in every IANA zone is.
  Timestamp start;
  Timestamp end;
  // Only spend on these; sorted; empty: on any.
  std::vector<std::string> models = {};
  std::vector<std::string> tasks = {};
  std::vector<std::string> workflows = {};
  // And these, none of whom is among `agents`, within [start, end); sorted; those of one agent do
  // not overlap. Ignored when whole_namespace.
  std::vector<AgentSpan> spans = {};
  bool operator==(const Coverage&) const = default;
};

// Whether spend of the agent in this minute counts, if the minute lies in [start, end).
bool CoversAgentAt(const Coverage& coverage, std::string_view agent, std::int64_t minute);

// All of whom something counts, in order: agents for all of [start, end), and spans within it.
std::vector<AgentSpan> SpansOf(const Coverage& coverage);

// Whether spend under this model, task and workflow counts.
bool CoversKind(const Coverage& coverage, std::string_view model, std::string_view task,
                std::string_view workflow);

// The minute (since 1970) that holds `time`; and the first minute not before `time`.
constexpr std::int64_t MinuteOf(Timestamp time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
}
constexpr std::int64_t MinuteNotBefore(Timestamp time) {
  return std::chrono::ceil<std::chrono::minutes>(time).time_since_epoch().count();
}

struct AgentSpend {
  std::string agent;
  Amounts spent;
  bool operator==(const AgentSpend&) const = default;
};

struct MinuteSpend {
  std::int64_t minute = 0;  // since 1970
  Amounts spent;
  bool operator==(const MinuteSpend&) const = default;
};

// A SpendCorrection that was approved: an amount of its own, or the decision about a held one.
struct Correction {
  std::string origin;  // "SpendCorrection/<uid>": booked once
  std::string by;      // who approved it
  std::string reason;
  Timestamp recorded;
  // Either: booked at `at` under this key.
  SpendKey key;
  Timestamp at;
  Amounts amounts;  // signed
  // Or: of this journal entry, whose amount is then booked at its own time (accept) or never.
  std::int64_t doubt = 0;  // 0: the above
  bool accept = false;
};

struct Corrected {
  std::int64_t entry = 0;  // of the journal
  bool already = false;    // it had been booked before: nothing was done
  // What was booked by it now; nothing for a rejected doubt or an `already`.
  std::optional<Increment> increment;
};

// Thread-safe; every call may wait for the disk.
// Errors: kUnavailable (unreadable, read-only, full, locked: the message says what to do; a retry
// may work), kCorrupt, kFenced (writes only: TakeOver was not called, or another leader called it
// since), kInvalidArgument (a bound or a rule above is broken). After an error nothing has changed.
class Store {
 public:
  virtual ~Store() = default;

  // A random name of this ledger, made with it and never changed: tells one volume from another.
  virtual Result<std::string> LedgerId() = 0;

  // Makes this object the only writer of every source: every write of an earlier owner fails with
  // kFenced from now on. Returns the new fencing epoch.
  virtual Result<std::int64_t> TakeOver() = 0;

  // Many batches, of one or several sources, in one transaction and one wait for the disk: all or
  // nothing. Gives the journal entries their ids.
  virtual Status Commit(std::vector<Batch>& batches) = 0;

  // kNotFound: no such held entry; kConflict: it was decided otherwise before.
  virtual Result<Corrected> Correct(const Correction& correction) = 0;

  // For each coverage: the spend of each agent covered, sorted by agent; agents whose amounts are
  // all zero are left out.
  virtual Result<std::vector<std::vector<AgentSpend>>> Sums(
      const std::vector<Coverage>& coverages) = 0;
  // The same by minute, ascending; minutes without spend are left out. Meant for the last hour.
  virtual Result<std::vector<std::vector<MinuteSpend>>> Minutes(
      const std::vector<Coverage>& coverages) = 0;

  // Cursors of a source whose last sample is not older, in any order: what a new reader starts
  // from.
  virtual Result<std::vector<SeriesCursor>> CursorsSince(const std::string& source,
                                                         Timestamp since) = 0;
  // Those of `series` that are known, in any order.
  virtual Result<std::vector<SeriesCursor>> FindCursors(const std::string& source,
                                                        const std::vector<SeriesId>& series) = 0;
  virtual Result<std::vector<KeyRate>> Rates(const std::string& source) = 0;

  // Null: it keeps none, and ignores those of batches.
  virtual AdmissionLog* admission_log() { return nullptr; }

  virtual Result<std::vector<JournalEntry>> Journal(const JournalFilter& filter) = 0;

  // All that are known, in any order.
  virtual Result<std::vector<Membership>> MembershipsKnown() = 0;
  // Puts those of `put`, each by all but its `until`, and drops those of `drop`.
  virtual Status WriteMemberships(const std::vector<Membership>& put,
                                  const std::vector<Membership>& drop) = 0;

  // All that are known, in any order.
  virtual Result<std::vector<RowHold>> HoldsKnown() = 0;
  // Puts each in the place of what was known of its row; one without keys is dropped.
  virtual Status WriteHolds(const std::vector<RowHold>& holds) = 0;

  // Nothing until SetEpoch.
  virtual Result<std::optional<SourcePosition>> Position(const std::string& source) = 0;
  virtual Status SetEpoch(const std::string& source, Timestamp epoch) = 0;

  // Folds minutes older than two days into quarters of an hour, drops what is older than 400 days,
  // and bounds the journal. Where a membership begins or ends is kept to the minute; those that
  // ended before anything that is kept, or of agents that never spent, are dropped, as are holds
  // that are older than what is kept. Cheap when
  // there is nothing to do; otherwise in short transactions, so that commits go on between them.
  virtual Status Fold(Timestamp now) = 0;
  // Drops cursors of a source not seen since: nothing older can be read from it any more.
  virtual Status ForgetCursors(const std::string& source, Timestamp before) = 0;
};

// What is kept, and how finely.
inline constexpr Duration kFoldAfter = std::chrono::hours(48);
inline constexpr Duration kKeepFor = std::chrono::hours(400 * 24);
inline constexpr std::int64_t kMinutesPerQuarter = 15;
// Of the journal: held entries as long as spend is kept, others so long and so many.
inline constexpr Duration kKeepJournalFor = std::chrono::hours(35 * 24);
inline constexpr std::int64_t kMostJournalEntries = 200'000;

// What an entry of a batch booked by settling, once the store has given it its id.
std::optional<Increment> SettledBy(const JournalEntry& entry);

// kInvalidArgument when a batch or a correction breaks a rule of this header.
Status Check(const Batch& batch);
Status Check(const Correction& correction);

// What a correction comes to, for every implementation of Correct: the journal entry to write,
// whose amount (if any) is booked at its time; nothing where the doubt was decided so before.
// `doubt`: the entry that correction.doubt names, if there is one. Errors as Correct.
Result<std::optional<JournalEntry>> Decide(const Correction& correction,
                                           const std::optional<JournalEntry>& doubt);

// At most `longest` bytes, cut at a character's start.
std::string CutText(std::string_view text, std::size_t longest);

}  // namespace purser::ledger
