// Adds increments to the cumulative buckets, inside the caller's transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/result.h"
#include "ledger/sqlite/connection.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {

class Booking {
 public:
  static Result<Booking> Make(const Connection& connection);

  Status Book(std::int64_t source_id, const Increment& increment);
  Status PutRate(std::int64_t source_id, const KeyRate& rate);
  // The number of a key, made when it is new.
  Result<std::int64_t> KeyId(std::int64_t source_id, const SpendKey& key);
  // To be called when a transaction ends, or keys may have been dropped.
  void Forget() {
    last_key_.reset();
    newest_booked_.reset();
    ids_.clear();
  }

 private:
  struct Bucket {
    std::int64_t key_id = 0;
    std::int64_t minute = 0;
    Amounts cumulative;
  };

  explicit Booking(const Connection& connection) : connection_(&connection) {}

  Result<std::optional<Bucket>> NewestOf(std::int64_t key_id);
  Status BookLate(std::int64_t key_id, std::int64_t minute, const Amounts& amounts);

  const Connection* connection_;
  Statement find_key_, insert_key_, newest_, newest_until_, put_, raise_, put_rate_;
  // Samples of one series follow each other.
  std::optional<SpendKey> last_key_;
  std::int64_t last_key_id_ = 0;
  // The newest of the key that was booked last: most come minute by minute and need not be read.
  std::optional<Bucket> newest_booked_;
  std::unordered_map<SpendKey, std::int64_t, SpendKeyHash> ids_;  // of this transaction
};

}  // namespace purser::ledger::sqlite
