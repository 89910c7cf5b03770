// What an answer comes to, while it is made: bookings merged, entries for the journal bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "usage/meter/meter.h"

namespace purser::usage {

// "$41.24", "12 calls", "3000 input tokens": for people.
std::string AmountText(Quantity quantity, std::int64_t amount);
// a + b, saturating.
std::int64_t Add(std::int64_t a, std::int64_t b);

// Of whom the entries speak.
struct Subject {
  std::uint32_t key = 0;
  Quantity quantity = Quantity::kCost;
  // One of the two: labels, or the text already made of them.
  std::span<const Label> labels;
  std::string_view text;
};

class Books {
 public:
  static constexpr std::size_t kMostNotes = 200;

  void Clear();

  // Adds to what was booked last where key, quantity and minute are the same.
  void Book(const Subject& subject, Timestamp at, std::int64_t amount);

  struct Entry {
    ledger::JournalKind kind = ledger::JournalKind::kDoubt;
    Timestamp at;
    std::optional<std::int64_t> from, to;
    std::int64_t amount = 0;
    bool held = false;
    bool settles = false;
    std::int64_t settled = 0;
  };
  // Beyond kMostNotes an entry is counted into one of its kind: what is held of each key on its
  // own, from which what settles later is taken off. One that settles is always written.
  void Write(const Subject& subject, const Entry& entry, std::string_view reason);
  // Booked and explained by nothing surprising: summed by kind and key.
  void WriteSmall(const Subject& subject, const Entry& entry);

  // Moves out what there is.
  void Close(Reading& reading);

 private:
  struct Sum {
    std::int64_t count = 0;
    std::int64_t amount = 0;
    Timestamp at;
  };
  using SumKey = std::tuple<ledger::JournalKind, bool, std::uint32_t, Quantity>;

  void AddTo(std::map<SumKey, Sum>& sums, const Subject& subject, const Entry& entry);

  std::vector<Booked> booked_;
  std::vector<Note> notes_;
  std::map<SumKey, Sum> small_;
  std::map<SumKey, Sum> beyond_;
};

}  // namespace purser::usage
