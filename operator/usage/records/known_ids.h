// The ids of records of the last day, in memory: 64 bits of a keyed hash each. With ten million
// known, a new record is taken for a known one once in 60 billion; who does not know the key can't
// make one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "ledger/call_log.h"

namespace purser::usage::records {

// Not thread-safe. About 16 bytes a record.
class KnownIds {
 public:
  // Records older than kWindow are not taken; an id is known for at least so long.
  static constexpr Duration kWindow = std::chrono::hours(24);
  static constexpr Duration kKeep = std::chrono::hours(25);

  KnownIds(std::pair<std::uint64_t, std::uint64_t> seed, std::size_t most);

  // SipHash-2-4 of namespace and id.
  ledger::CallId IdOf(std::string_view ns, std::string_view id) const;
  bool Knows(ledger::CallId id) const;
  // False: it is known.
  bool Insert(ledger::CallId id, Timestamp received);
  void Remove(ledger::CallId id);
  std::size_t size() const { return size_; }

  // Forgets what is older than kKeep, a part at a time; to be called with each commit. When there
  // are more than `most`, the oldest hours go, too.
  void Tidy(Timestamp now);
  // Ids received before are not known; records older than this are not to be taken.
  Timestamp horizon() const { return horizon_; }
  // There is no room though all but this hour is forgotten.
  bool full() const { return size_ >= 2 * most_; }

 private:
  struct Shard {
    std::vector<std::uint64_t> slots;  // 0: free; the low bits are the hour's
    std::size_t used = 0;
    std::int64_t tidied = 0;  // the first hour kept
  };
  static constexpr std::size_t kShards = 64;

  void Rebuild(Shard& shard, std::int64_t first_hour, std::size_t room);

  const std::pair<std::uint64_t, std::uint64_t> seed_;
  const std::size_t most_;
  std::array<Shard, kShards> shards_;
  std::size_t size_ = 0;
  std::int64_t newest_hour_ = 0;
  std::int64_t first_hour_ = 0;
  Timestamp horizon_;
};

}  // namespace purser::usage::records
