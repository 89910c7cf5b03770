// The rules for one identity: from a sample to what is booked, held or taken back.
#pragma once

#include <cstdint>
#include <optional>

#include "usage/meter/books.h"
#include "usage/meter/identity.h"
#include "usage/meter/learned_rates.h"
#include "usage/meter/meter.h"

namespace purser::usage {

// How long falls, dips and other writers are remembered.
inline constexpr Duration kRemember = std::chrono::hours(1);
// What is plausible over a time: so many times the largest rate learned.
inline constexpr std::int64_t kTimesLearned = 4;
// A first value may have been earned over this long at least, however short the scrapes are; with a
// start time, which says that it is no old one, over twice as long.
inline constexpr Duration kShortestFirst = std::chrono::seconds(30);
// What began longer before it was first seen is an old counter: of when it earned nothing is known.
inline constexpr Duration kLongestUnseen = std::chrono::hours(1);

// $1, or as much of another quantity: below it nobody asks.
std::int64_t OneOf(Quantity quantity);

// A series of an answer, as the rules see it.
struct Series {
  Subject subject;
  bool aggregated = false;
};

// Holds no state of its own. Books what it decides.
class CounterRules {
 public:
  CounterRules(const MeterRules& rules, LearnedRates& rates, Books& books)
      : rules_(rules), rates_(rates), books_(books) {}

  // One more sample, later than the base. `start`: when the counter began, as known at the sample.
  // `taken_over`: the sample is of another twin than the base.
  void Step(Identity& identity, const Series& series, const Sample& sample,
            std::optional<Timestamp> start, bool taken_over);

  // Whether a start time would decide about this sample, and what hangs on it.
  struct Stake {
    bool fell = false;
    std::int64_t amount = 0;
  };
  std::optional<Stake> WorthAsking(const Identity& identity, const Series& series,
                                   const Sample& sample) const;

  // Whether a first value could have been earned since its start, or lately if that is not known.
  bool PlausibleFirst(const Subject& subject, const Sample& sample,
                      std::optional<Timestamp> start) const;

  // What was ever earned, or not without having been learned, in a time.
  std::int64_t Earnable(const Subject& subject, Timestamp at, Duration time) const;
  std::int64_t Learnable(const Subject& subject, Timestamp at, Duration time) const;

  // What could be earned in a scrape, by what is known and not four times as much.
  std::int64_t Likely(const Subject& subject, Timestamp at) const;
  // How far a value may fall without having begun again.
  std::int64_t SmallFall(const Subject& subject, Timestamp at, std::int64_t from) const;

  // The identity was taken for one that goes on elsewhere, and goes on here.
  void RefuteHandOver(Identity& identity, const Series& series, Timestamp at);

 private:
  std::int64_t Floor(Quantity quantity, Duration time) const;
  // What the private steps share.
  struct Now {
    Identity& identity;
    const Series& series;
    Timestamp at;
    std::int64_t value;
    std::int64_t last;
    Duration gap;
  };

  static void Expire(Identity& identity, Timestamp at);
  static void ExpirePast(Identity& identity, Seconds horizon);
  void Judge(Now& now, std::optional<Timestamp> start, bool taken_over);
  void TellGap(Now& now);
  bool Began(const Now& now, Timestamp start) const;
  bool BelowTop(Now& now);
  void LeaveTop(Now& now);
  bool Restarted(Now& now, Timestamp start);
  void Disproved(Now& now);
  void Rise(Now& now, std::int64_t from);
  bool RisesSteadily(Now& now, std::int64_t rise);
  void Fall(Now& now);
  void TakenOver(Now& now);
  void Dip(Now& now);
  bool StaysLow(const Now& now, std::int64_t from) const;
  bool IsDip(const Subject& subject, Timestamp at, std::int64_t value, std::int64_t from) const;
  std::optional<std::size_t> Match(const Identity& identity, const Series& series, Timestamp at,
                                   std::int64_t value) const;
  std::optional<std::size_t> Resembles(const Now& now) const;
  std::optional<std::size_t> LandsOn(Now& now);
  bool MayBeUnsure(Now& now, std::int64_t amount) const;
  // A start time that shows itself later, and what it says of what is held or was booked.
  void Settle(Now& now, std::optional<Timestamp> start);
  std::optional<bool> Proves(const Claim& claim, const Series& series, Timestamp start) const;
  void Clear(Now& now, Timestamp start);
  std::optional<std::int64_t> Claimed(const Past& past, Timestamp at) const;
  void HoldFor(Now& now, Claim::Of of, std::int64_t amount, std::string_view reason);
  void Missed(Now& now, std::int64_t amount);
  void OtherWriter(Now& now, std::size_t track, bool sure = true);
  void TakeBack(Now& now);
  void CountChange(Now& now, bool fell);
  bool NotACounter(Now& now);
  bool NoWriterEither(Now& now);
  void GiveUp(Now& now);

  void Book(Now& now, std::int64_t amount);
  void Hold(Now& now, ledger::JournalKind kind, std::int64_t amount, std::string_view reason);
  // The value that was left: another writer may show it again.
  void Remember(Now& now, std::int64_t value);
  // Something came that nothing proves; it is remembered for an hour.
  void Suspect(Now& now, bool fell);

  const MeterRules& rules_;
  LearnedRates& rates_;
  Books& books_;
};

}  // namespace purser::usage
