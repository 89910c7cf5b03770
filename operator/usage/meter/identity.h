// Where reading stands in one identity: what the rules remember between two samples.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "usage/meter/meter.h"

namespace purser::usage {

// Whole seconds since 1970, within 32 bits; 0 stands for never.
using Seconds = std::uint32_t;

inline Seconds SecondsOf(Timestamp time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  if (seconds < 1) return 1;
  constexpr auto kLast = std::numeric_limits<Seconds>::max();
  return seconds > kLast ? kLast : static_cast<Seconds>(seconds);
}

inline Timestamp TimeOf(Seconds seconds) { return Timestamp(std::chrono::seconds(seconds)); }

// Values of other writers of one series, newest first, forgotten after an hour.
class Tracks {
 public:
  static constexpr std::size_t kMost = 6;

  std::size_t size() const { return size_; }
  std::int64_t value(std::size_t i) const { return values_[i]; }
  Seconds at(std::size_t i) const { return at_[i]; }

  void Clear() { size_ = 0; }
  // The oldest makes room.
  void Push(std::int64_t value, Seconds at);
  void Append(std::int64_t value, Seconds at);
  void Remove(std::size_t i);
  void ForgetBefore(Seconds time);
  bool operator==(const Tracks&) const = default;

 private:
  std::array<std::int64_t, kMost> values_{};
  std::array<Seconds, kMost> at_{};
  std::uint8_t size_ = 0;
};

// Amounts are in units of the quantity.

// What was booked on the word of an unproved fall or jump: taken back at its own minute.
struct Unproved {
  Seconds at = 0;
  std::int64_t amount = 0;
  bool fell = false;
  bool operator==(const Unproved&) const = default;
};

// An amount that is held, and what later samples would have to show for it to be money.
struct Claim {
  enum class Of : std::uint8_t {
    kFirst,     // a first value: money if the counter began lately
    kFall,      // what it fell to: money if it began after the last sample before
    kHandOver,  // what another series had shown: money if it is none that goes on
    kProved,    // money, as the return of that other one showed
  };
  Of of = Of::kFirst;
  std::uint16_t ms = 0;     // of the second
  Seconds at = 0;           // of the entry in the journal
  Seconds last = 0;         // kFall: the sample before; kHandOver: the other's last one
  std::int64_t amount = 0;  // held
  bool operator==(const Claim&) const = default;
};

Claim MakeClaim(Claim::Of of, Timestamp at, Timestamp last, std::int64_t amount);

// What befell a series that did not only rise: made when it is first needed, for few.
struct Past {
  static constexpr std::size_t kMostSteps = 8;
  static constexpr std::size_t kMostClaims = 3;

  Tracks tracks;
  std::vector<Unproved> steps;  // oldest first, one a minute and kind
  std::vector<Claim> claims;    // oldest first
  std::int64_t unsure = 0;      // booked lately where another reading would have booked less
  std::int64_t missed = 0;      // since the first fall: more, if each sample stood alone
  // Of a sum: rises one after the other that were more than was known, the last one's rate a second
  // and time. Not in the cursor: after a restart they are counted anew.
  std::uint8_t rises = 0;
  Seconds rose = 0;
  std::int64_t rise_rate = 0;

  std::int64_t Since() const;
  void AddStep(const Unproved& step);
  void AddClaim(const Claim& claim);
  bool operator==(const Past&) const = default;
};

struct Identity {
  static constexpr std::int64_t kNone = -1;

  std::int64_t time = 0;       // of the base, ms since 1970
  std::int64_t value = 0;      // the base: the last sample read
  std::int64_t top = kNone;    // the value before a small fall, while below it
  std::int64_t low = 0;        // the lowest since then; without a top: what it last fell to
  std::shared_ptr<Past> past;  // shared by the copies of before an answer
  Seconds start = 0;           // when the counter began, if that was ever told
  Seconds born = 0;            // of the first sample
  Seconds changed = 0;         // when the value last did; 0: not known
  Seconds fell = 0;            // first unproved fall or jump; of several writers the last fall
  Seconds dipped = 0;          // the last small fall
  Seconds persisted = 0;       // `time` as the store has it
  std::uint32_t leader = 0;    // of the twins: the one that is read; 0 if not known
  std::uint8_t returns = 0;    // how often another writer was met again
  std::uint8_t changes = 0;    // of the value, lately; and how many of them were falls
  std::uint8_t falls = 0;
  Quantity quantity = Quantity::kCost;
  bool rooted : 1 = false;       // more than a first value: it has been seen to rise, or was there
  bool handed_over : 1 = false;  // goes on under another identity
  bool writers : 1 = false;      // several of them: DuplicateWriters
  bool not_counter : 1 = false;  // NotACounter: nothing is booked
  bool suspect : 1 = false;      // may be no counter: told, booked all the same
  bool only_rose : 1 = false;    // `fell` is of a jump upwards, after which nothing fell yet
  bool jumped : 1 = false;       // back to about what it fell from, in one step
  bool took_over : 1 = false;    // `top` is from a twin that fell silent

  bool operator==(const Identity& other) const;
  bool has_fallen() const { return fell != 0 && !only_rose; }
  Timestamp at() const { return Timestamp(Duration(time)); }
  const Tracks& tracks() const;
  std::int64_t since() const { return past ? past->Since() : 0; }
  // To be changed; the copies of before keep theirs.
  Past& ChangePast();
};
static_assert(sizeof(Identity) <= 96, "one for each series: memory of 100,000 is counted");

}  // namespace purser::usage
