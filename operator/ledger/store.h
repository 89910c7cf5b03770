// Where buckets and cursors are kept. Implementations: ledger/sqlite. Each call is one transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "money/money.h"

namespace purser::ledger {

// Bytes of each string of a SpendKey, and of a source's name. A longer one is kInvalidArgument.
inline constexpr std::size_t kLongestName = 256;

// The dimensions spend is aggregated by. An empty string: the source did not say.
struct SpendKey {
  std::string source, ns, agent, model, task, workflow;
  auto operator<=>(const SpendKey&) const = default;
};

struct Increment {
  SpendKey key;
  Timestamp at;  // the sample's own time, not before 1970
  Money cost;    // > 0
};

// Position in one counter series, so that a replay books nothing twice.
struct SeriesCursor {
  std::uint64_t series_high = 0;  // 128-bit hash of source and all labels
  std::uint64_t series_low = 0;
  Timestamp last_time;
  Money last_value;
  std::int32_t recent_resets = 0;  // for the detection of several writers on one series
  Timestamp first_recent_reset;    // while suspended: the last reset
  bool suspended = false;          // booking is stopped: several writers
  bool operator==(const SeriesCursor&) const = default;
};

struct Batch {
  std::string source;
  std::vector<Increment> increments;        // of this source only
  std::vector<SeriesCursor> cursors;        // those that moved
  std::optional<Timestamp> complete_until;  // the source was read completely up to here
  std::optional<Timestamp> newest_sample;   // the newest sample there was
};

// What the store knows of one source.
struct SourcePosition {
  Timestamp epoch;  // first start minus backfill
  std::optional<Timestamp> complete_until;
  std::optional<Timestamp> newest_sample;
  bool operator==(const SourcePosition&) const = default;
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
  bool operator==(const Coverage&) const = default;
};

// The minute (since 1970) that holds `time`; and the first minute not before `time`.
constexpr std::int64_t MinuteOf(Timestamp time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
}
constexpr std::int64_t MinuteNotBefore(Timestamp time) {
  return std::chrono::ceil<std::chrono::minutes>(time).time_since_epoch().count();
}

struct AgentSpend {
  std::string agent;
  Money spent;
  bool operator==(const AgentSpend&) const = default;
};

struct MinuteSpend {
  std::int64_t minute = 0;  // since 1970
  Money spent;
  bool operator==(const MinuteSpend&) const = default;
};

// Thread-safe; every call may wait for the disk.
// Errors: kUnavailable (unreadable, read-only, full, locked: the message says what to do; a retry
// may work), kCorrupt, kFenced (writes only: TakeOver was not called, or another leader called it
// since), kInvalidArgument (a bound or a rule above is broken). After an error nothing has changed.
class Store {
 public:
  virtual ~Store() = default;

  // Makes this object the only writer: every write of an earlier owner fails with kFenced from now
  // on. Returns the new fencing epoch.
  virtual Result<std::int64_t> TakeOver() = 0;

  // Increments, cursors and the source's position, all or nothing.
  virtual Status Commit(const Batch& batch) = 0;

  // The spend of each agent covered, sorted by agent; agents that spent nothing are left out.
  virtual Result<std::vector<AgentSpend>> Sum(const Coverage& coverage) = 0;
  // The same by minute, ascending; minutes without spend are left out. Meant for the last hour.
  virtual Result<std::vector<MinuteSpend>> Minutes(const Coverage& coverage) = 0;

  // Nothing when the series was never booked. One at a time: series that are not being read need no
  // memory.
  virtual Result<std::optional<SeriesCursor>> FindCursor(const std::string& source,
                                                         std::uint64_t series_high,
                                                         std::uint64_t series_low) = 0;

  // Nothing until SetEpoch.
  virtual Result<std::optional<SourcePosition>> Position(const std::string& source) = 0;
  virtual Status SetEpoch(const std::string& source, Timestamp epoch) = 0;

  // Folds minutes older than two days into quarters of an hour, drops what is older than 400 days.
  // Cheap when there is nothing to do; otherwise in short transactions, so that commits go on
  // between them.
  virtual Status Fold(Timestamp now) = 0;
};

// What is kept, and how finely.
inline constexpr Duration kFoldAfter = std::chrono::hours(48);
inline constexpr Duration kKeepFor = std::chrono::hours(400 * 24);
inline constexpr std::int64_t kMinutesPerQuarter = 15;

// kInvalidArgument when a batch breaks a rule of this header.
Status Check(const Batch& batch);

}  // namespace purser::ledger
