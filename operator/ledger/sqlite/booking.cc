#include "ledger/sqlite/booking.h"

namespace purser::ledger::sqlite {

Result<Booking> Booking::Make(const Connection& connection) {
  Booking booking(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&booking.find_key_,
       "SELECT id FROM spend_key WHERE source_id=? AND ns=? AND agent=? AND model=? AND task=? AND "
       "workflow=?"},
      {&booking.insert_key_,
       "INSERT INTO spend_key(source_id, ns, agent, model, task, workflow) VALUES(?,?,?,?,?,?)"},
      {&booking.newest_,
       "SELECT minute, cumulative FROM bucket WHERE key_id=? ORDER BY minute DESC LIMIT 1"},
      {&booking.newest_until_,
       "SELECT cumulative FROM bucket WHERE key_id=? AND minute<=? ORDER BY minute DESC LIMIT 1"},
      {&booking.put_,
       "INSERT INTO bucket VALUES(?,?,?) ON CONFLICT DO UPDATE SET cumulative=excluded.cumulative"},
      // Saturates, as Money does: an overflow would turn into a floating-point number.
      {&booking.raise_,
       "UPDATE bucket SET cumulative = cumulative + min(?3, 9223372036854775807 - cumulative) "
       "WHERE key_id=?1 AND minute>?2"},
  }));
  return booking;
}

Status Booking::Book(std::int64_t source_id, const Increment& increment) {
  const auto key_id = KeyId(source_id, increment.key);
  if (!key_id) return key_id.error();
  const std::int64_t minute = MinuteOf(increment.at);
  struct Bucket {
    std::int64_t minute = 0;
    Money cumulative;
  };
  const auto newest = newest_.Start(*key_id).FirstRow([](const Run& run) {
    return Bucket{run.Integer(0), Money::FromNanos(run.Integer(1))};
  });
  if (!newest) return newest.error();
  if (*newest && (*newest)->minute > minute) return BookLate(*key_id, minute, increment.cost);
  const Money before = *newest ? (*newest)->cumulative : Money();
  return put_.Execute(*key_id, minute, (before + increment.cost).nanos());
}

// Buckets later than this one exist: all of them include this cost too.
Status Booking::BookLate(std::int64_t key_id, std::int64_t minute, Money cost) {
  const auto before = newest_until_.Start(key_id, minute).FirstRow([](const Run& run) {
    return Money::FromNanos(run.Integer(0));
  });
  if (!before) return before.error();
  PURSER_RETURN_IF_ERROR(put_.Execute(key_id, minute, (before->value_or(Money()) + cost).nanos()));
  return raise_.Execute(key_id, minute, cost.nanos());
}

Result<std::int64_t> Booking::KeyId(std::int64_t source_id, const SpendKey& key) {
  if (last_key_ && *last_key_ == key) return last_key_id_;
  last_key_.reset();
  const auto found =
      find_key_.Start(source_id, key.ns, key.agent, key.model, key.task, key.workflow)
          .FirstRow([](const Run& run) { return run.Integer(0); });
  if (!found) return found.error();
  if (*found) {
    last_key_id_ = **found;
  } else {
    PURSER_RETURN_IF_ERROR(
        insert_key_.Execute(source_id, key.ns, key.agent, key.model, key.task, key.workflow));
    last_key_id_ = connection_->LastInsertId();
  }
  last_key_ = key;
  return last_key_id_;
}

}  // namespace purser::ledger::sqlite
