#include "ledger/sqlite/membership_table.h"

namespace purser::ledger::sqlite {

Result<std::vector<Membership>> ReadMemberships(const Connection& connection) {
  Statement all;
  PURSER_RETURN_IF_ERROR(connection.Prepare(
      {{&all, "SELECT ns, agent, pool, since, until, workload FROM membership"}}));
  std::vector<Membership> known;
  PURSER_RETURN_IF_ERROR(all.Start().ForEachRow([&](const Run& run) {
    known.push_back(
        {run.Text(0), run.Text(1), run.Text(2), run.Integer(3), run.Integer(4), run.Text(5)});
    return Ok();
  }));
  return known;
}

Result<MembershipTable> MembershipTable::Make(const Connection& connection) {
  MembershipTable table;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&table.put_,
       "INSERT INTO membership(ns, agent, pool, since, until, workload) VALUES(?,?,?,?,?,?) "
       "ON CONFLICT DO UPDATE SET until=excluded.until, workload=excluded.workload"},
      {&table.drop_, "DELETE FROM membership WHERE ns=? AND agent=? AND pool=? AND since=?"},
      {&table.prune_,
       "DELETE FROM membership WHERE until<?1 OR (until<?2 AND (until=since OR NOT EXISTS("
       "SELECT 1 FROM spend_key WHERE spend_key.ns=membership.ns AND "
       "spend_key.agent=membership.agent)))"},
  }));
  return table;
}

Status MembershipTable::Put(const Membership& one) const {
  return put_.Execute(one.ns, one.agent, one.pool, one.since, one.until, one.workload);
}

Status MembershipTable::Drop(const Membership& one) const {
  return drop_.Execute(one.ns, one.agent, one.pool, one.since);
}

Status MembershipTable::Prune(std::int64_t horizon, std::int64_t recent) const {
  return prune_.Execute(horizon, recent);
}

}  // namespace purser::ledger::sqlite
