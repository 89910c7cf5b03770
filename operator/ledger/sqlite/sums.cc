#include "ledger/sqlite/sums.h"

#include <map>

#include "ledger/sqlite/amounts_columns.h"
#include "ledger/sqlite/times.h"

namespace purser::ledger::sqlite {

Result<Sums> Sums::Make(const Connection& connection) {
  Sums sums;
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&sums.keys_of_agent_,
       "SELECT id, agent, model, task, workflow FROM spend_key WHERE source_id=? AND ns=? AND "
       "agent=?"},
      {&sums.keys_of_namespace_,
       "SELECT id, agent, model, task, workflow FROM spend_key WHERE source_id=? AND ns=? "
       "ORDER BY agent"},
      {&sums.before_, "SELECT " PURSER_AMOUNT_COLUMNS
                      " FROM bucket WHERE key_id=? AND minute<? ORDER BY minute DESC LIMIT 1"},
      {&sums.between_, "SELECT minute, " PURSER_AMOUNT_COLUMNS
                       " FROM bucket WHERE key_id=? AND minute>=? AND minute<? ORDER BY minute"},
      {&sums.rates_,
       "SELECT ns, agent, model, task, workflow, per_second, at FROM key_rate "
       "JOIN spend_key ON id=key_id WHERE source_id=?"},
  }));
  return sums;
}

Result<std::vector<AgentSpend>> Sums::ByAgent(std::int64_t source_id,
                                              const Coverage& coverage) const {
  const std::int64_t start = MinuteOf(coverage.start);
  const std::int64_t end = MinuteNotBefore(coverage.end);
  std::vector<AgentSpend> agents;
  if (end <= start) return agents;
  const auto add = [&](std::int64_t key_id, std::string agent, std::int64_t since,
                       std::int64_t until) -> Status {
    const auto until_end = CumulativeBefore(key_id, until);
    if (!until_end) return until_end.error();
    const auto until_start = CumulativeBefore(key_id, since);
    if (!until_start) return until_start.error();
    if (agents.empty() || agents.back().agent != agent) agents.push_back({std::move(agent), {}});
    agents.back().spent += *until_end - *until_start;
    return Ok();
  };
  PURSER_RETURN_IF_ERROR(ForEachKey(source_id, coverage, add));
  std::erase_if(agents, [](const AgentSpend& agent) { return agent.spent.IsZero(); });
  return agents;
}

Result<std::vector<MinuteSpend>> Sums::ByMinute(std::int64_t source_id,
                                                const Coverage& coverage) const {
  std::map<std::int64_t, Amounts> minutes;
  const auto add = [&](std::int64_t key_id, const std::string&, std::int64_t since,
                       std::int64_t until) -> Status {
    auto before = CumulativeBefore(key_id, since);
    if (!before) return before.error();
    return between_.Start(key_id, since, until).ForEachRow([&](const Run& run) {
      const Amounts cumulative = run.ReadAmounts(1);
      minutes[run.Integer(0)] += cumulative - *before;
      *before = cumulative;
      return Ok();
    });
  };
  PURSER_RETURN_IF_ERROR(ForEachKey(source_id, coverage, add));
  std::vector<MinuteSpend> result;
  result.reserve(minutes.size());
  for (const auto& [minute, spent] : minutes) {
    if (!spent.IsZero()) result.push_back({minute, spent});
  }
  return result;
}

Result<std::vector<KeyRate>> Sums::Rates(std::int64_t source_id, const std::string& source) const {
  std::vector<KeyRate> rates;
  PURSER_RETURN_IF_ERROR(rates_.Start(source_id).ForEachRow([&](const Run& run) {
    rates.push_back({{source, run.Text(0), run.Text(1), run.Text(2), run.Text(3), run.Text(4)},
                     run.Integer(5),
                     ToTimestamp(run.Integer(6))});
    return Ok();
  }));
  return rates;
}

Result<Amounts> Sums::CumulativeBefore(std::int64_t key_id, std::int64_t minute) const {
  const auto amounts =
      before_.Start(key_id, minute).FirstRow([](const Run& run) { return run.ReadAmounts(0); });
  if (!amounts) return amounts.error();
  return amounts->value_or(Amounts());
}

// Calls visit(key id, agent, since, until) for every key covered, agents ascending; minutes.
template <typename Visit>
Status Sums::ForEachKey(std::int64_t source_id, const Coverage& coverage,
                        const Visit& visit) const {
  const auto visit_row = [&](const Run& run, std::int64_t since, std::int64_t until) -> Status {
    if (!CoversKind(coverage, run.Text(2), run.Text(3), run.Text(4))) return Ok();
    return visit(run.Integer(0), run.Text(1), since, until);
  };
  if (coverage.whole_namespace) {
    const std::int64_t start = MinuteOf(coverage.start);
    const std::int64_t end = MinuteNotBefore(coverage.end);
    return keys_of_namespace_.Start(source_id, coverage.ns).ForEachRow([&](const Run& run) {
      return visit_row(run, start, end);
    });
  }
  for (const auto& span : SpansOf(coverage)) {
    PURSER_RETURN_IF_ERROR(
        keys_of_agent_.Start(source_id, coverage.ns, span.agent).ForEachRow([&](const Run& run) {
          return visit_row(run, span.since, span.until);
        }));
  }
  return Ok();
}

}  // namespace purser::ledger::sqlite
