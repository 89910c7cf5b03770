#include "ledger/sqlite/call_table.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {
namespace {

// One row holds at most so many.
constexpr std::size_t kIdsInARow = 8'192;

Outcome OutcomeOf(std::int64_t number) {
  if (number == 1) return Outcome::kFailure;
  return number == 2 ? Outcome::kRetry : Outcome::kSuccess;
}

std::int64_t NumberOf(Outcome outcome) {
  return outcome == Outcome::kFailure ? 1 : outcome == Outcome::kRetry ? 2 : 0;
}

}  // namespace

Result<CallWriter> CallWriter::Make(const Connection& connection) {
  CallWriter writer(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&writer.insert_,
       "INSERT INTO call(received, at, key_id, outcome, held, cost, input_tokens, output_tokens, "
       "cached_tokens, reasoning_tokens, latency_ms, record_id, provider, parent, error) "
       "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&writer.insert_ids_,
       "INSERT INTO call_ids(source_id, received, ids) VALUES(?, ?, CAST(? AS BLOB))"},
      {&writer.first_, "SELECT id, received FROM call ORDER BY id LIMIT 1"},
      {&writer.last_, "SELECT id FROM call ORDER BY id DESC LIMIT 1"},
      {&writer.drop_, "DELETE FROM call WHERE id<=?1 AND (received<?2 OR id<=?3)"},
      {&writer.drop_ids_,
       "DELETE FROM call_ids WHERE id IN (SELECT id FROM call_ids WHERE received<? ORDER BY id "
       "LIMIT 64)"},
  }));
  return writer;
}

Status CallWriter::Append(std::int64_t source_id, const std::vector<Call>& calls, Booking& booking,
                          Timestamp received) const {
  const std::int64_t now = ToInteger(received);
  for (const auto& call : calls) {
    const auto key_id = booking.KeyId(source_id, call.key);
    if (!key_id) return key_id.error();
    const auto& amounts = call.amounts;
    PURSER_RETURN_IF_ERROR(
        insert_.Execute(now, ToInteger(call.at), *key_id, NumberOf(call.outcome), call.held ? 1 : 0,
                        amounts.cost.nanos(), amounts.input_tokens, amounts.output_tokens,
                        amounts.cached_tokens, amounts.reasoning_tokens, amounts.latency_ms,
                        call.id, call.provider, call.parent, call.error));
  }
  return Ok();
}

Status CallWriter::AppendIds(std::int64_t source_id, const std::vector<CallId>& ids,
                             Timestamp received) const {
  for (std::size_t from = 0; from < ids.size(); from += kIdsInARow) {
    const std::size_t count = std::min(kIdsInARow, ids.size() - from);
    const std::string_view bytes(reinterpret_cast<const char*>(ids.data() + from),
                                 count * sizeof(CallId));
    PURSER_RETURN_IF_ERROR(insert_ids_.Execute(source_id, ToInteger(received), bytes));
  }
  return Ok();
}

Result<bool> CallWriter::Prune(Timestamp calls_before, std::int64_t most_calls,
                               Timestamp ids_before, std::int64_t at_a_time) const {
  PURSER_RETURN_IF_ERROR(drop_ids_.Execute(ToInteger(ids_before)));
  const bool more_ids = connection_->Changes() >= 64;
  const auto first = first_.Start().FirstRow([](const Run& run) { return run.Integer(0); });
  if (!first) return first.error();
  const auto last = last_.Start().FirstRow([](const Run& run) { return run.Integer(0); });
  if (!last) return last.error();
  if (!*first || !*last) return more_ids;
  PURSER_RETURN_IF_ERROR(
      drop_.Execute(**first + at_a_time - 1, ToInteger(calls_before), **last - most_calls));
  return more_ids || connection_->Changes() >= at_a_time;
}

Result<std::pair<std::uint64_t, std::uint64_t>> ReadIdSeed(const Connection& connection) {
  const auto high = connection.QueryInteger("SELECT id_seed_high FROM meta");
  if (!high) return high.error();
  const auto low = connection.QueryInteger("SELECT id_seed_low FROM meta");
  if (!low) return low.error();
  return std::pair(static_cast<std::uint64_t>(*high), static_cast<std::uint64_t>(*low));
}

Status ReadIds(const Connection& connection, std::int64_t source_id, Timestamp since,
               const std::function<void(CallId, Timestamp)>& visit) {
  Statement statement;
  PURSER_RETURN_IF_ERROR(connection.Prepare({{&statement,
                                              "SELECT received, ids FROM call_ids WHERE "
                                              "received>=? AND source_id IN (0, ?) ORDER BY id"}}));
  return statement.Start(ToInteger(since), source_id).ForEachRow([&](const Run& run) -> Status {
    const auto received = ToTimestamp(run.Integer(0));
    const std::string bytes = run.Text(1);
    if (bytes.size() % sizeof(CallId) != 0)
      return Error(ErrorCode::kCorrupt, connection.path() + ": damaged ids of calls");
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(CallId)) {
      CallId id = 0;
      std::memcpy(&id, bytes.data() + at, sizeof id);
      visit(id, received);
    }
    return Ok();
  });
}

Result<std::vector<Call>> ReadCalls(const Connection& connection, std::int64_t source_id,
                                    const CallFilter& filter) {
  Statement statement;
  PURSER_RETURN_IF_ERROR(connection.Prepare(
      {{&statement,
        "SELECT call.at, outcome, held, cost, input_tokens, output_tokens, cached_tokens, "
        "reasoning_tokens, latency_ms, record_id, provider, parent, error, agent, model, task, "
        "workflow FROM spend_key JOIN call ON call.key_id=spend_key.id WHERE source_id=?1 AND "
        "ns=?2 AND (?3='' OR agent=?3) AND (?4='' OR task=?4) AND (?5='' OR workflow=?5) AND "
        "call.at>=?6 AND call.at<?7 ORDER BY call.at DESC, call.id DESC LIMIT ?8"}}));
  const auto since = filter.since ? ToInteger(*filter.since) : 0;
  const auto until =
      filter.until ? ToInteger(*filter.until) : std::numeric_limits<std::int64_t>::max();
  std::vector<Call> calls;
  PURSER_RETURN_IF_ERROR(statement
                             .Start(source_id, filter.ns, filter.agent, filter.task,
                                    filter.workflow, since, until,
                                    static_cast<std::int64_t>(filter.most))
                             .ForEachRow([&](const Run& run) {
                               Call call;
                               call.at = ToTimestamp(run.Integer(0));
                               call.outcome = OutcomeOf(run.Integer(1));
                               call.held = run.Integer(2) != 0;
                               auto& amounts = call.amounts;
                               amounts.cost = Money::FromNanos(run.Integer(3));
                               amounts.calls = 1;
                               amounts.failed_calls = call.outcome == Outcome::kFailure ? 1 : 0;
                               amounts.input_tokens = run.Integer(4);
                               amounts.output_tokens = run.Integer(5);
                               amounts.cached_tokens = run.Integer(6);
                               amounts.reasoning_tokens = run.Integer(7);
                               amounts.latency_ms = run.Integer(8);
                               call.id = run.Text(9);
                               call.provider = run.Text(10);
                               call.parent = run.Text(11);
                               call.error = run.Text(12);
                               call.key = {filter.source, filter.ns,    run.Text(13),
                                           run.Text(14),  run.Text(15), run.Text(16)};
                               calls.push_back(std::move(call));
                               return Ok();
                             }));
  return calls;
}

}  // namespace purser::ledger::sqlite
