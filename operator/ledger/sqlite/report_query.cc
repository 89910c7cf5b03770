#include "ledger/sqlite/report_query.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ledger/sqlite/amounts_columns.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {
namespace {

constexpr std::int64_t kMinutesToMonday = 3 * 24 * 60;  // 1970 began on a Thursday

struct Group {
  Amounts spent;
  std::set<std::string> tasks, failed_tasks;
};
using Groups = std::map<std::pair<SpendKey, std::int64_t>, Group>;

bool Among(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

SpendKey Kept(const ReportBy& by, const SpendKey& key) {
  SpendKey kept;
  if (by.source) kept.source = key.source;
  if (by.ns) kept.ns = key.ns;
  if (by.agent) kept.agent = key.agent;
  if (by.model) kept.model = key.model;
  if (by.task) kept.task = key.task;
  if (by.workflow) kept.workflow = key.workflow;
  return kept;
}

std::int64_t PeriodOf(std::int64_t minute, std::int64_t minutes) {
  if (minutes == 0) return 0;
  const std::int64_t since_monday = minute + kMinutesToMonday;
  return since_monday - since_monday % minutes - kMinutesToMonday;
}

class Reading {
 public:
  explicit Reading(const ReportQuery& query) : query_(query) {}

  Status Prepare(const Connection& connection) {
    return connection.Prepare({
        {&keys_,
         "SELECT spend_key.id, source.name, agent, model, task, workflow FROM spend_key JOIN "
         "source "
         "ON source.id=source_id WHERE ns=?1 AND (?2='' OR source.name=?2)"},
        {&before_, "SELECT " PURSER_AMOUNT_COLUMNS
                   " FROM bucket WHERE key_id=? AND minute<? ORDER BY minute DESC LIMIT 1"},
        {&between_, "SELECT minute, " PURSER_AMOUNT_COLUMNS
                    " FROM bucket WHERE key_id=? AND minute>=? AND minute<? ORDER BY minute"},
    });
  }

  Status Read() {
    for (const auto& ns : query_.namespaces) {
      PURSER_RETURN_IF_ERROR(
          keys_.Start(ns, query_.source).ForEachRow([&](const Run& run) -> Status {
            const SpendKey key{run.Text(1), ns, run.Text(2), run.Text(3), run.Text(4), run.Text(5)};
            if (std::ranges::find(query_.but_sources, key.source) != query_.but_sources.end())
              return Ok();
            if (!Among(query_.agents, key.agent) || !Among(query_.models, key.model) ||
                !Among(query_.tasks, key.task) || !Among(query_.workflows, key.workflow))
              return Ok();
            return ReadKey(run.Integer(0), key);
          }));
    }
    return Ok();
  }

  std::vector<ReportRow> Rows() const {
    std::vector<ReportRow> rows;
    for (const auto& [place, group] : groups_) {
      if (group.spent.IsZero()) continue;
      rows.push_back({place.first, Timestamp(std::chrono::minutes(place.second)), group.spent,
                      static_cast<std::int64_t>(group.tasks.size()),
                      static_cast<std::int64_t>(group.tasks.size() - group.failed_tasks.size())});
    }
    return rows;
  }

 private:
  Result<Amounts> Before(std::int64_t key_id, std::int64_t minute) const {
    const auto found =
        before_.Start(key_id, minute).FirstRow([](const Run& run) { return run.ReadAmounts(0); });
    if (!found) return found.error();
    return found->value_or(Amounts());
  }

  Status ReadKey(std::int64_t key_id, const SpendKey& key) {
    const std::int64_t start = MinuteOf(query_.start);
    const std::int64_t end = MinuteNotBefore(query_.end);
    auto before = Before(key_id, start);
    if (!before) return before.error();
    if (query_.by.minutes == 0) {
      const auto until = Before(key_id, end);
      if (!until) return until.error();
      return Add(key, 0, *until - *before);
    }
    return between_.Start(key_id, start, end).ForEachRow([&](const Run& run) -> Status {
      const Amounts cumulative = run.ReadAmounts(1);
      PURSER_RETURN_IF_ERROR(
          Add(key, PeriodOf(run.Integer(0), query_.by.minutes), cumulative - *before));
      *before = cumulative;
      return Ok();
    });
  }

  Status Add(const SpendKey& key, std::int64_t period, const Amounts& spent) {
    if (spent.IsZero()) return Ok();
    auto& group = groups_[{Kept(query_.by, key), period}];
    if (groups_.size() > query_.most_rows) {
      return Error(ErrorCode::kResourceExhausted,
                   "more than " + std::to_string(query_.most_rows) +
                       " rows: ask for a shorter time, or for fewer dimensions");
    }
    group.spent += spent;
    if (key.task.empty()) return Ok();
    group.tasks.insert(key.task);
    if (spent.failed_calls > 0) group.failed_tasks.insert(key.task);
    return Ok();
  }

  const ReportQuery& query_;
  Statement keys_, before_, between_;
  Groups groups_;
};

}  // namespace

Result<std::vector<ReportRow>> ReadReport(const Connection& connection, const ReportQuery& query) {
  Reading reading(query);
  PURSER_RETURN_IF_ERROR(reading.Prepare(connection));
  PURSER_RETURN_IF_ERROR(reading.Read());
  return reading.Rows();
}

}  // namespace purser::ledger::sqlite
