#include "ledger/sqlite/journal_table.h"

#include <algorithm>

#include "ledger/sqlite/amounts_columns.h"
#include "ledger/sqlite/times.h"
#include "ledger/store.h"

namespace purser::ledger::sqlite {
namespace {

// NOLINTBEGIN(cppcoreguidelines-macro-usage): a literal that joins those around it.
#define PURSER_JOURNAL_COLUMNS                                                         \
  "kind, at, recorded, source, ns, agent, model, task, workflow, series, from_value, " \
  "to_value, " PURSER_AMOUNT_COLUMNS ", reason, held, decided_by, origin"
// NOLINTEND(cppcoreguidelines-macro-usage)

JournalEntry ReadEntry(const Run& run) {
  JournalEntry entry;
  entry.id = run.Integer(0);
  entry.kind = ParseJournalKind(run.Text(1)).value_or(JournalKind::kDoubt);
  entry.at = ToTimestamp(run.Integer(2));
  entry.recorded = ToTimestamp(run.Integer(3));
  entry.key = {run.Text(4), run.Text(5), run.Text(6), run.Text(7), run.Text(8), run.Text(9)};
  entry.series = run.Text(10);
  entry.from = run.Text(11);
  entry.to = run.Text(12);
  entry.amount = run.ReadAmounts(13);
  entry.reason = run.Text(22);
  entry.held = ParseHeldState(run.Text(23)).value_or(HeldState::kNone);
  entry.by = run.Text(24);
  entry.origin = run.Text(25);
  return entry;
}

// Conditions and the values they bind, in the same order.
class Query {
 public:
  void Where(std::string_view condition, const std::string& text) {
    Add(condition);
    values_.push_back({text, 0, true});
  }
  void Where(std::string_view condition, std::int64_t integer) {
    Add(condition);
    values_.push_back({{}, integer, false});
  }
  void WhereIn(std::string_view column, const std::vector<std::string>& texts) {
    std::string list(column);
    list += " IN (";
    for (std::size_t i = 0; i < texts.size(); ++i) list += i == 0 ? "?" : ",?";
    Add(list + ")");
    for (const auto& text : texts) values_.push_back({text, 0, true});
  }
  const std::string& conditions() const { return conditions_; }
  void Bind(Run& run) const {
    for (const auto& value : values_) {
      if (value.is_text) {
        run.Bind(std::string_view(value.text));
      } else {
        run.Bind(value.integer);
      }
    }
  }

 private:
  struct Value {
    std::string text;
    std::int64_t integer = 0;
    bool is_text = false;
  };
  void Add(std::string_view condition) {
    conditions_ += conditions_.empty() ? " WHERE " : " AND ";
    conditions_ += condition;
  }
  std::string conditions_;
  std::vector<Value> values_;
};

Query QueryOf(const JournalFilter& filter) {
  Query query;
  if (filter.after_id > 0) query.Where("id>?", filter.after_id);
  if (!filter.source.empty()) query.Where("source=?", filter.source);
  if (!filter.ns.empty()) query.Where("ns=?", filter.ns);
  if (!filter.agents.empty()) query.WhereIn("agent", filter.agents);
  if (filter.since) query.Where("at>=?", ToInteger(*filter.since));
  if (filter.until) query.Where("at<?", ToInteger(*filter.until));
  if (filter.held == HeldState::kHeld) {
    // As a literal, so that the small index of what is held answers.
    query.Where("held='Held' AND id>=?", std::int64_t{0});
  } else if (filter.held) {
    query.Where("held=?", std::string(ToString(*filter.held)));
  }
  return query;
}

}  // namespace

Result<std::vector<JournalEntry>> ReadJournal(const Connection& connection,
                                              const JournalFilter& filter) {
  const Query query = QueryOf(filter);
  const bool forward = filter.after_id > 0;
  const std::string sql = "SELECT id, " PURSER_JOURNAL_COLUMNS " FROM journal" +
                          query.conditions() + " ORDER BY id " + (forward ? "ASC" : "DESC") +
                          " LIMIT ?";
  Statement statement;
  PURSER_RETURN_IF_ERROR(connection.Prepare({{&statement, sql}}));
  Run run = statement.Start();
  query.Bind(run);
  run.Bind(static_cast<std::int64_t>(filter.most));
  std::vector<JournalEntry> entries;
  PURSER_RETURN_IF_ERROR(run.ForEachRow([&](const Run& row) {
    entries.push_back(ReadEntry(row));
    return Ok();
  }));
  if (!forward) std::reverse(entries.begin(), entries.end());
  return entries;
}

Result<JournalTable> JournalTable::Make(const Connection& connection) {
  JournalTable table(connection);
  PURSER_RETURN_IF_ERROR(connection.Prepare({
      {&table.append_, "INSERT INTO journal(" PURSER_JOURNAL_COLUMNS
                       ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?," PURSER_AMOUNT_PARAMETERS ",?,?,?,?)"},
      {&table.settle_,
       "UPDATE journal SET held='Settled' WHERE held='Held' AND source=? AND +ns=? AND +agent=? "
       "AND "
       "model=? AND task=? AND workflow=? AND series=? AND at=?"},
      {&table.own_,
       "SELECT id FROM journal WHERE ns=? AND agent=? AND at=? AND series=? AND source=? AND "
       "model=? AND task=? AND workflow=? AND held<>'' LIMIT 1"},
      {&table.sums_, "SELECT id, " PURSER_JOURNAL_COLUMNS
                     " FROM journal WHERE ns=? AND agent=? AND at>=? AND series='' AND "
                     "kind='Doubt' AND held<>'' AND source=? AND model=? AND task=? AND "
                     "workflow=? ORDER BY at, id LIMIT 100"},
      {&table.set_left_, "UPDATE journal SET held=?, (" PURSER_AMOUNT_COLUMNS
                         ")=(" PURSER_AMOUNT_PARAMETERS ") WHERE id=?"},
      {&table.set_held_, "UPDATE journal SET held=?2, decided_by=?3 WHERE id=?1"},
      {&table.find_, "SELECT id, " PURSER_JOURNAL_COLUMNS " FROM journal WHERE id=?"},
      {&table.find_origin_, "SELECT id FROM journal WHERE origin=? AND origin<>''"},
      {&table.prune_,
       "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE recorded<?1 AND "
       "((held<>'Held' AND origin='') OR recorded<?2) ORDER BY id LIMIT ?3)"},
      {&table.prune_beyond_,
       "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE held<>'Held' AND "
       "origin='' AND id<=(SELECT max(id) FROM journal)-?1 ORDER BY id LIMIT ?2)"},
  }));
  return table;
}

Status JournalTable::Append(JournalEntry& entry) const {
  if (!entry.origin.empty()) {
    const auto there = FindOrigin(entry.origin);
    if (!there) return there.error();
    if (*there) {
      entry.id = **there;
      return Ok();
    }
  }
  entry.series = CutText(entry.series, kLongestJournalText);
  entry.reason = CutText(entry.reason, kLongestJournalText);
  const auto& key = entry.key;
  if (entry.held == HeldState::kSettled) {
    PURSER_RETURN_IF_ERROR(settle_.Execute(key.source, key.ns, key.agent, key.model, key.task,
                                           key.workflow, entry.series, ToInteger(entry.at)));
    entry.id = 0;
    if (connection_->Changes() == 0) {
      PURSER_RETURN_IF_ERROR(SettleInSum(entry));
      if (entry.settled_in == 0) return Ok();
    }
  }
  PURSER_RETURN_IF_ERROR(append_.Execute(
      ToString(entry.kind), ToInteger(entry.at), ToInteger(entry.recorded), key.source, key.ns,
      key.agent, key.model, key.task, key.workflow, entry.series, entry.from, entry.to,
      entry.amount, entry.reason, ToString(entry.held), entry.by, entry.origin));
  entry.id = connection_->LastInsertId();
  return Ok();
}

Status JournalTable::SettleInSum(JournalEntry& entry) const {
  entry.settled_in = 0;
  const auto& key = entry.key;
  const auto own = own_.Start(key.ns, key.agent, ToInteger(entry.at), entry.series, key.source,
                              key.model, key.task, key.workflow)
                       .FirstRow([](const Run& run) { return run.Integer(0); });
  if (!own) return own.error();
  if (*own) return Ok();
  std::optional<JournalEntry> sum;
  PURSER_RETURN_IF_ERROR(sums_
                             .Start(key.ns, key.agent, ToInteger(entry.at), key.source, key.model,
                                    key.task, key.workflow)
                             .ForEachRow([&](const Run& row) {
                               if (sum) return Ok();
                               auto candidate = ReadEntry(row);
                               if (MayHoldWithOthers(entry, candidate)) sum = std::move(candidate);
                               return Ok();
                             }));
  if (!sum || sum->held != HeldState::kHeld) return Ok();
  entry.settled_in = sum->id;
  entry.left = LeftOf(sum->amount, entry.settles);
  return set_left_.Execute(ToString(entry.left.IsZero() ? HeldState::kSettled : HeldState::kHeld),
                           entry.left, sum->id);
}

Status JournalTable::SetHeld(std::int64_t id, HeldState state, const std::string& by) const {
  return set_held_.Execute(id, ToString(state), by);
}

Result<std::optional<JournalEntry>> JournalTable::Find(std::int64_t id) const {
  return find_.Start(id).FirstRow(ReadEntry);
}

Result<std::optional<std::int64_t>> JournalTable::FindOrigin(const std::string& origin) const {
  return find_origin_.Start(origin).FirstRow([](const Run& run) { return run.Integer(0); });
}

Result<std::int64_t> JournalTable::Prune(const Bounds& bounds, std::int64_t most) const {
  PURSER_RETURN_IF_ERROR(
      prune_.Execute(ToInteger(bounds.before), ToInteger(bounds.held_before), most));
  std::int64_t dropped = connection_->Changes();
  PURSER_RETURN_IF_ERROR(prune_beyond_.Execute(bounds.most_kept, most));
  return dropped + connection_->Changes();
}

}  // namespace purser::ledger::sqlite
