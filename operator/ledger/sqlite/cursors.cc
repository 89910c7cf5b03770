#include "ledger/sqlite/cursors.h"

#include <bit>

#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {
namespace {

constexpr std::size_t kMostNumbers = 100'000;

std::int64_t Signed(std::uint64_t value) { return std::bit_cast<std::int64_t>(value); }

SeriesCursor ReadCursor(const Run& run) {
  return {
      {std::bit_cast<std::uint64_t>(run.Integer(0)), std::bit_cast<std::uint64_t>(run.Integer(1))},
      ToTimestamp(run.Integer(2)),
      run.Text(3)};
}

}  // namespace

Result<Cursors> Cursors::Make(const Connection& connection) {
  Cursors cursors(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&cursors.find_series_, "SELECT id FROM series WHERE source_id=? AND high=? AND low=?"},
      {&cursors.insert_series_, "INSERT INTO series(source_id, high, low) VALUES(?,?,?)"},
      {&cursors.put_,
       "INSERT INTO cursor(series_id, last_time, state) VALUES(?,?,?) ON CONFLICT DO UPDATE SET "
       "last_time=excluded.last_time, state=excluded.state"},
      {&cursors.drop_,
       "DELETE FROM cursor WHERE last_time<?2 AND series_id IN ("
       "SELECT id FROM series WHERE source_id=?1)"},
      {&cursors.drop_series_,
       "DELETE FROM series WHERE source_id=?1 AND id NOT IN (SELECT series_id FROM cursor)"},
      {&cursors.since_,
       "SELECT high, low, last_time, state FROM series JOIN cursor ON series_id=id "
       "WHERE source_id=? AND last_time>=?"},
      {&cursors.find_,
       "SELECT high, low, last_time, state FROM series JOIN cursor ON series_id=id "
       "WHERE source_id=? AND high=? AND low=?"},
  }));
  return cursors;
}

Status Cursors::Put(std::int64_t source_id, const SeriesCursor& cursor) {
  const auto number = SeriesNumber(source_id, cursor.series);
  if (!number) return number.error();
  return put_.Execute(*number, ToInteger(cursor.last_time), cursor.state);
}

Status Cursors::DropBefore(std::int64_t source_id, Timestamp before) {
  ids_.clear();
  PURSER_RETURN_IF_ERROR(drop_.Execute(source_id, ToInteger(before)));
  return drop_series_.Execute(source_id);
}

Result<std::vector<SeriesCursor>> Cursors::Since(std::int64_t source_id, Timestamp since) const {
  std::vector<SeriesCursor> cursors;
  PURSER_RETURN_IF_ERROR(since_.Start(source_id, ToInteger(since)).ForEachRow([&](const Run& run) {
    cursors.push_back(ReadCursor(run));
    return Ok();
  }));
  return cursors;
}

Result<std::vector<SeriesCursor>> Cursors::Find(std::int64_t source_id,
                                                const std::vector<SeriesId>& series) const {
  std::vector<SeriesCursor> cursors;
  for (const auto& id : series) {
    auto cursor = find_.Start(source_id, Signed(id.high), Signed(id.low)).FirstRow(ReadCursor);
    if (!cursor) return cursor.error();
    if (*cursor) cursors.push_back(std::move(**cursor));
  }
  return cursors;
}

Result<std::int64_t> Cursors::SeriesNumber(std::int64_t source_id, const SeriesId& series) {
  const std::pair place{source_id, series};
  const auto known = ids_.find(place);
  if (known != ids_.end()) return known->second;
  const auto found = find_series_.Start(source_id, Signed(series.high), Signed(series.low))
                         .FirstRow([](const Run& run) { return run.Integer(0); });
  if (!found) return found.error();
  std::int64_t number = 0;
  if (*found) {
    number = **found;
  } else {
    PURSER_RETURN_IF_ERROR(
        insert_series_.Execute(source_id, Signed(series.high), Signed(series.low)));
    number = connection_->LastInsertId();
  }
  if (ids_.size() >= kMostNumbers) ids_.clear();
  ids_[place] = number;
  return number;
}

}  // namespace purser::ledger::sqlite
