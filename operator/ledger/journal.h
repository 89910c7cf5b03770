// Why the money was booked, held or taken back: the ledger's journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ledger/spend_key.h"
#include "money/amounts.h"

namespace purser::ledger {

enum class JournalKind {
  kFirstValue,        // a series showed itself for the first time with spend
  kRestart,           // a counter began again; the reason says how that is known
  kHandOver,          // a series goes on under other labels
  kDip,               // a small fall that is no restart
  kDoubt,             // an amount that could be money, its origin not proved: held
  kReversal,          // taken back: later evidence refuted what was booked
  kQuarantine,        // cannot be read as money: NaN, infinite, negative, histogram …
  kGap,               // spend may be missing
  kEpoch,             // reading began here; earlier spend is not known
  kCorrection,        // a SpendCorrection, or the decision about held money
  kLargeStep,         // one of the largest steps of its day
  kDuplicateWriters,  // several writers on one series
  kNotACounter,       // deltas, a gauge, a histogram
  kPrices,            // the price catalogue changed: its version before and after
  kEstimate,          // an admission that expired, booked at its estimate; or the fact instead
};
std::string_view ToString(JournalKind kind);                         // "FirstValue", …
std::optional<JournalKind> ParseJournalKind(std::string_view text);  // of ToString

// What became of an amount that was held.
enum class HeldState {
  kNone,      // nothing is held by this entry
  kHeld,      // counted by no budget but those with onDoubt: Count
  kAccepted,  // booked by a SpendCorrection
  kRejected,  // not money, a SpendCorrection says
  kSettled,   // later samples settled it: booked, or shown to be none
};
std::string_view ToString(HeldState state);                      // "", "Held", "Accepted", …
std::optional<HeldState> ParseHeldState(std::string_view text);  // of ToString

inline constexpr std::size_t kLongestJournalText = 512;  // bytes of series and reason; cut beyond

struct JournalEntry {
  std::int64_t id = 0;  // given by the store, ascending; unique in the ledger
  JournalKind kind = JournalKind::kDoubt;
  Timestamp at;        // in the source's own time; for a correction, the time it is booked at
  Timestamp recorded;  // when it was written
  SpendKey key;        // source always; ns and agent "" where it concerns the source as a whole
  std::string series;  // printable: agent_cost_usd_total{agent="x",…}; "" where it is of none
  std::string from;    // the counter's value before and after, decimal; "" where unknown
  std::string to;
  Amounts amount;      // booked by this entry (signed), or held by it
  std::string reason;  // for people: what was seen, what was concluded
  // kSettled in a batch settles what is held now of the same key and series at the same `at`, and
  // books `amount` there (zero: it was no money). Where nothing is held there any more, because
  // somebody decided about it, nothing is booked and the entry is not written (its id stays 0).
  HeldState held = HeldState::kNone;
  // Of one that settles, in a batch alone: how much was held of it. Where it was held with others
  // in one entry without a series, as many at once are, so much is taken off that one:
  // `settled_in`, given by the store, of which `left` is held still.
  Amounts settles{};
  std::int64_t settled_in = 0;
  Amounts left{};
  std::string by;      // who decided or asked; "" where nobody did
  std::string origin;  // not "": booked once, whatever is asked again ("SpendCorrection/<uid>")
  bool operator==(const JournalEntry&) const = default;
};

// Whether `settling`, an entry of a batch, settles the held `entry`.
bool Settles(const JournalEntry& settling, const JournalEntry& entry);
// Whether `entry` is what `settling` was held as, whatever became of it.
bool IsOwn(const JournalEntry& settling, const JournalEntry& entry);
// Whether `entry` sums what was held of several series, `settling` perhaps among them, whatever
// became of it. The earliest of these is the one.
bool MayHoldWithOthers(const JournalEntry& settling, const JournalEntry& entry);
// What is held still of a sum once so much of it is settled.
Amounts LeftOf(const Amounts& sum, const Amounts& settles);

// Which entries; every field narrows.
struct JournalFilter {
  std::string source;  // "" any, as for all texts here
  std::string ns;
  std::vector<std::string> agents;  // empty: any
  std::optional<Timestamp> since;   // by `at`
  std::optional<Timestamp> until;   // before
  std::optional<HeldState> held;    // exactly this
  std::int64_t after_id = 0;        // for paging: the first `most` after it
  std::size_t most = 1000;          // the newest ones without after_id; given oldest first
};

}  // namespace purser::ledger
