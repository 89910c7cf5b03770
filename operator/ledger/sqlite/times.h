// Times in columns: milliseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

inline std::int64_t ToInteger(Timestamp time) { return time.time_since_epoch().count(); }
inline Timestamp ToTimestamp(std::int64_t milliseconds) {
  return Timestamp(Duration(milliseconds));
}
inline std::optional<Timestamp> OptionalTime(const Run& run, int column) {
  if (run.IsNull(column)) return std::nullopt;
  return ToTimestamp(run.Integer(column));
}

}  // namespace purser::ledger::sqlite
