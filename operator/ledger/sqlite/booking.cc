#include "ledger/sqlite/booking.h"

#include "ledger/sqlite/amounts_columns.h"
#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {

Result<Booking> Booking::Make(const Connection& connection) {
  Booking booking(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&booking.find_key_,
       "SELECT id FROM spend_key WHERE source_id=? AND ns=? AND agent=? AND model=? AND task=? AND "
       "workflow=?"},
      {&booking.insert_key_,
       "INSERT INTO spend_key(source_id, ns, agent, model, task, workflow) VALUES(?,?,?,?,?,?)"},
      {&booking.newest_, "SELECT minute, " PURSER_AMOUNT_COLUMNS
                         " FROM bucket WHERE key_id=? ORDER BY minute DESC LIMIT 1"},
      {&booking.newest_until_,
       "SELECT " PURSER_AMOUNT_COLUMNS
       " FROM bucket WHERE key_id=? AND minute<=? ORDER BY minute DESC LIMIT 1"},
      {&booking.put_, "INSERT INTO bucket(key_id, minute, " PURSER_AMOUNT_COLUMNS
                      ") VALUES(?,?," PURSER_AMOUNT_PARAMETERS
                      ") ON CONFLICT DO UPDATE SET cost=excluded.cost, calls=excluded.calls, "
                      "failed_calls=excluded.failed_calls, input_tokens=excluded.input_tokens, "
                      "output_tokens=excluded.output_tokens, cached_tokens=excluded.cached_tokens, "
                      "reasoning_tokens=excluded.reasoning_tokens, latency_ms=excluded.latency_ms, "
                      "estimated=excluded.estimated"},
      {&booking.raise_,
       "UPDATE bucket SET cost=saturating_add(cost, ?3), calls=saturating_add(calls, ?4), "
       "failed_calls=saturating_add(failed_calls, ?5), "
       "input_tokens=saturating_add(input_tokens, ?6), "
       "output_tokens=saturating_add(output_tokens, ?7), "
       "cached_tokens=saturating_add(cached_tokens, ?8), "
       "reasoning_tokens=saturating_add(reasoning_tokens, ?9), "
       "latency_ms=saturating_add(latency_ms, ?10), "
       "estimated=saturating_add(estimated, ?11) WHERE key_id=?1 AND minute>?2"},
      {&booking.put_rate_,
       "INSERT INTO key_rate(key_id, per_second, at) VALUES(?,?,?) ON CONFLICT DO UPDATE SET "
       "per_second=excluded.per_second, at=excluded.at"},
  }));
  return booking;
}

Status Booking::Book(std::int64_t source_id, const Increment& increment) {
  const auto key_id = KeyId(source_id, increment.key);
  if (!key_id) return key_id.error();
  const std::int64_t minute = MinuteOf(increment.at);
  const auto newest = NewestOf(*key_id);
  newest_booked_.reset();
  if (!newest) return newest.error();
  if (*newest && (*newest)->minute > minute) return BookLate(*key_id, minute, increment.amounts);
  const Amounts sum = (*newest ? (*newest)->cumulative : Amounts()) + increment.amounts;
  PURSER_RETURN_IF_ERROR(put_.Execute(*key_id, minute, sum));
  newest_booked_ = Bucket{*key_id, minute, sum};
  return Ok();
}

Result<std::optional<Booking::Bucket>> Booking::NewestOf(std::int64_t key_id) {
  if (newest_booked_ && newest_booked_->key_id == key_id) return newest_booked_;
  return newest_.Start(key_id).FirstRow([key_id](const Run& run) {
    return Bucket{key_id, run.Integer(0), run.ReadAmounts(1)};
  });
}

// Buckets later than this one exist: all of them include these amounts too.
Status Booking::BookLate(std::int64_t key_id, std::int64_t minute, const Amounts& amounts) {
  const auto before = newest_until_.Start(key_id, minute).FirstRow([](const Run& run) {
    return run.ReadAmounts(0);
  });
  if (!before) return before.error();
  PURSER_RETURN_IF_ERROR(put_.Execute(key_id, minute, before->value_or(Amounts()) + amounts));
  return raise_.Execute(key_id, minute, amounts);
}

Status Booking::PutRate(std::int64_t source_id, const KeyRate& rate) {
  const auto key_id = KeyId(source_id, rate.key);
  if (!key_id) return key_id.error();
  return put_rate_.Execute(*key_id, rate.per_second, ToInteger(rate.at));
}

Result<std::int64_t> Booking::KeyId(std::int64_t source_id, const SpendKey& key) {
  if (last_key_ && *last_key_ == key) return last_key_id_;
  last_key_.reset();
  if (const auto known = ids_.find(key); known != ids_.end()) {
    last_key_ = key;
    return last_key_id_ = known->second;
  }
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
  ids_.emplace(key, last_key_id_);
  return last_key_id_;
}

}  // namespace purser::ledger::sqlite
