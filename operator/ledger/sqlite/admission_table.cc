#include "ledger/sqlite/admission_table.h"

#include <algorithm>

#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {

Result<std::vector<KeptAdmission>> ReadAdmissions(const Connection& connection) {
  Statement read;
  PURSER_RETURN_IF_ERROR(connection.Prepare(
      {{&read, "SELECT id, made, ended, body FROM admission ORDER BY made, id"}}));
  std::vector<KeptAdmission> admissions;
  PURSER_RETURN_IF_ERROR(read.Start().ForEachRow([&](const Run& run) -> Status {
    admissions.push_back(
        {run.Text(0), ToTimestamp(run.Integer(1)), run.Integer(2) != 0, run.Text(3)});
    return Ok();
  }));
  return admissions;
}

Result<AdmissionTable> AdmissionTable::Make(const Connection& connection) {
  AdmissionTable table;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&table.put_,
       "INSERT INTO admission(id, made, ended, body) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET "
       "ended=excluded.ended, body=excluded.body"},
      {&table.prune_,
       "DELETE FROM admission WHERE id IN ("
       "SELECT id FROM admission WHERE ended=1 AND made<? ORDER BY made LIMIT 200)"},
  }));
  return table;
}

Status AdmissionTable::Put(const std::vector<KeptAdmission>& admissions) const {
  if (admissions.empty()) return Ok();
  Timestamp newest{};
  for (const auto& one : admissions) {
    newest = std::max(newest, one.made);
    PURSER_RETURN_IF_ERROR(
        put_.Execute(one.id, ToInteger(one.made), std::int64_t{one.ended ? 1 : 0}, one.body));
  }
  return prune_.Execute(ToInteger(newest - kKeepAdmissionsFor));
}

}  // namespace purser::ledger::sqlite
