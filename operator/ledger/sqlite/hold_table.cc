#include "ledger/sqlite/hold_table.h"

#include <algorithm>
#include <string>

#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {
namespace {

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

Result<std::vector<RowHold>> ReadHolds(const Connection& connection) {
  Statement all;
  PURSER_RETURN_IF_ERROR(connection.Prepare({{&all, "SELECT row, spec, keys, at FROM hold"}}));
  std::vector<RowHold> known;
  PURSER_RETURN_IF_ERROR(all.Start().ForEachRow([&](const Run& run) {
    known.push_back({run.Text(0), run.Text(1), LinesOf(run.Text(2)), ToTimestamp(run.Integer(3))});
    return Ok();
  }));
  return known;
}

Result<HoldTable> HoldTable::Make(const Connection& connection) {
  HoldTable table;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&table.put_,
       "INSERT INTO hold(row, spec, keys, at) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET "
       "spec=excluded.spec, keys=excluded.keys, at=excluded.at"},
      {&table.drop_, "DELETE FROM hold WHERE row=?"},
      {&table.prune_, "DELETE FROM hold WHERE at<?"},
  }));
  return table;
}

Status HoldTable::Put(const RowHold& hold) const {
  if (hold.keys.empty()) return drop_.Execute(hold.row);
  std::string keys;
  for (const auto& key : hold.keys) {
    if (!keys.empty()) keys += '\n';
    keys += key;
  }
  return put_.Execute(hold.row, hold.spec, keys, ToInteger(hold.at));
}

Status HoldTable::Prune(Timestamp before) const { return prune_.Execute(ToInteger(before)); }

}  // namespace purser::ledger::sqlite
