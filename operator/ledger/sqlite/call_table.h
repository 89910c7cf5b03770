// The call log and the ids of the last day.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ledger/call_log.h"
#include "ledger/sqlite/booking.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// Writes, inside the caller's transaction.
class CallWriter {
 public:
  static Result<CallWriter> Make(const Connection& connection);

  // `booking` knows the numbers of keys.
  Status Append(std::int64_t source_id, const std::vector<Call>& calls, Booking& booking,
                Timestamp received) const;
  Status AppendIds(std::int64_t source_id, const std::vector<CallId>& ids,
                   Timestamp received) const;
  // As CallLog::Prune, at most `at_a_time` rows.
  Result<bool> Prune(Timestamp calls_before, std::int64_t most_calls, Timestamp ids_before,
                     std::int64_t at_a_time) const;

 private:
  explicit CallWriter(const Connection& connection) : connection_(&connection) {}

  const Connection* connection_;
  Statement insert_, insert_ids_, first_, last_, drop_, drop_ids_;
};

Result<std::pair<std::uint64_t, std::uint64_t>> ReadIdSeed(const Connection& connection);
Status ReadIds(const Connection& connection, std::int64_t source_id, Timestamp since,
               const std::function<void(CallId, Timestamp)>& visit);
// `source_id`: of filter.source.
Result<std::vector<Call>> ReadCalls(const Connection& connection, std::int64_t source_id,
                                    const CallFilter& filter);

}  // namespace purser::ledger::sqlite
