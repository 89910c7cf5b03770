// Where reading stands in each series, by dense numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ledger/sqlite/connection.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {

// Writes are made inside the caller's transaction.
class Cursors {
 public:
  static Result<Cursors> Make(const Connection& connection);

  Status Put(std::int64_t source_id, const SeriesCursor& cursor);
  // Not seen since.
  Status DropBefore(std::int64_t source_id, Timestamp before);

  Result<std::vector<SeriesCursor>> Since(std::int64_t source_id, Timestamp since) const;
  Result<std::vector<SeriesCursor>> Find(std::int64_t source_id,
                                         const std::vector<SeriesId>& series) const;

  // To be called when a transaction was rolled back.
  void Forget() { ids_.clear(); }

 private:
  explicit Cursors(const Connection& connection) : connection_(&connection) {}
  Result<std::int64_t> SeriesNumber(std::int64_t source_id, const SeriesId& series);

  const Connection* connection_;
  Statement find_series_, insert_series_, put_, drop_, drop_series_, since_, find_;
  // Of the series written last, a bounded number.
  std::map<std::pair<std::int64_t, SeriesId>, std::int64_t> ids_;
};

}  // namespace purser::ledger::sqlite
