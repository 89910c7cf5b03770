#include "ledger/sqlite/sqlite_store.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <utility>

#include "ledger/sqlite/booking.h"
#include "ledger/sqlite/connection.h"
#include "ledger/sqlite/folding.h"
#include "ledger/sqlite/schema.h"

namespace purser::ledger {
namespace {

using sqlite::Connection;
using sqlite::Run;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::int64_t kMinutesPerDay = 24 * 60;

std::int64_t ToInteger(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp ToTimestamp(std::int64_t milliseconds) { return Timestamp(Duration(milliseconds)); }

std::optional<Timestamp> OptionalTime(const Run& run, int column) {
  if (run.IsNull(column)) return std::nullopt;
  return ToTimestamp(run.Integer(column));
}

std::int64_t FirstInteger(const Run& run) { return run.Integer(0); }

SeriesCursor ReadCursor(const Run& run) {
  SeriesCursor cursor;
  cursor.series_high = std::bit_cast<std::uint64_t>(run.Integer(0));
  cursor.series_low = std::bit_cast<std::uint64_t>(run.Integer(1));
  cursor.last_time = ToTimestamp(run.Integer(2));
  cursor.last_value = Money::FromNanos(run.Integer(3));
  cursor.recent_resets = static_cast<std::int32_t>(run.Integer(4));
  cursor.first_recent_reset = ToTimestamp(run.Integer(5));
  cursor.suspended = run.Integer(6) != 0;
  return cursor;
}

#define PURSER_CURSOR_COLUMNS \
  "series_high, series_low, last_time, last_value, recent_resets, first_recent_reset, suspended"

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Connection> connection, sqlite::Booking booking,
              sqlite::Folding folding)
      : connection_(std::move(connection)),
        booking_(std::move(booking)),
        folding_(std::move(folding)) {}

  Status Prepare() {
    return connection_->Prepare({
        {&epoch_of_file_, "SELECT epoch FROM meta"},
        {&raise_epoch_, "UPDATE meta SET epoch=epoch+1"},
        {&find_source_, "SELECT id FROM source WHERE name=?"},
        {&insert_source_, "INSERT INTO source(name) VALUES(?)"},
        {&position_,
         "SELECT epoch, complete_until, newest_sample FROM source WHERE name=? AND epoch IS NOT "
         "NULL"},
        {&set_source_epoch_, "UPDATE source SET epoch=?2 WHERE id=?1"},
        // Neither moves back, whatever the clock does.
        {&set_complete_,
         "UPDATE source SET complete_until=max(coalesce(complete_until, ?2), ?2) WHERE id=?1"},
        {&set_newest_,
         "UPDATE source SET newest_sample=max(coalesce(newest_sample, ?2), ?2) WHERE id=?1"},
        {&put_cursor_,
         "INSERT INTO cursor(" PURSER_CURSOR_COLUMNS
         ", source_id) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
         "last_time=excluded.last_time,"
         "last_value=excluded.last_value, recent_resets=excluded.recent_resets,"
         "first_recent_reset=excluded.first_recent_reset, suspended=excluded.suspended"},
        {&find_cursor_, "SELECT " PURSER_CURSOR_COLUMNS
                        " FROM cursor WHERE series_high=? AND series_low=? AND source_id=?"},
        {&keys_of_agent_, "SELECT id, agent FROM spend_key WHERE source_id=? AND ns=? AND agent=?"},
        {&keys_of_namespace_,
         "SELECT id, agent FROM spend_key WHERE source_id=? AND ns=? ORDER BY agent"},
        {&before_,
         "SELECT cumulative FROM bucket WHERE key_id=? AND minute<? ORDER BY minute DESC LIMIT 1"},
        {&between_,
         "SELECT minute, cumulative FROM bucket WHERE key_id=? AND minute>=? AND minute<? "
         "ORDER BY minute"},
    });
  }

  Result<std::int64_t> TakeOver() override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(*connection_);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    PURSER_RETURN_IF_ERROR(raise_epoch_.Execute());
    const auto epoch = EpochOfFile();
    if (!epoch) return epoch.error();
    PURSER_RETURN_IF_ERROR(transaction.Commit());
    epoch_ = *epoch;
    return *epoch;
  }

  Status Commit(const Batch& batch) override {
    PURSER_RETURN_IF_ERROR(Check(batch));
    const std::lock_guard lock(mutex_);
    Status written = Write(batch);
    booking_.Forget();
    if (!written.ok()) sources_.clear();  // an id that was rolled back
    return written;
  }

  Result<std::vector<AgentSpend>> Sum(const Coverage& coverage) override {
    const std::int64_t start = MinuteOf(coverage.start);
    const std::int64_t end = MinuteNotBefore(coverage.end);
    std::vector<AgentSpend> agents;
    const std::lock_guard lock(mutex_);
    const auto add = [&](std::int64_t key_id, const std::string& agent) -> Status {
      const auto until_end = CumulativeBefore(key_id, end);
      if (!until_end) return until_end.error();
      const auto until_start = CumulativeBefore(key_id, start);
      if (!until_start) return until_start.error();
      const Money spent = *until_end - *until_start;
      if (spent <= Money()) return Ok();
      if (agents.empty() || agents.back().agent != agent) agents.push_back({agent, Money()});
      agents.back().spent += spent;
      return Ok();
    };
    PURSER_RETURN_IF_ERROR(ForEachKey(coverage, add));
    return agents;
  }

  Result<std::vector<MinuteSpend>> Minutes(const Coverage& coverage) override {
    const std::int64_t start = MinuteOf(coverage.start);
    const std::int64_t end = MinuteNotBefore(coverage.end);
    std::map<std::int64_t, Money> minutes;
    const std::lock_guard lock(mutex_);
    const auto add = [&](std::int64_t key_id, const std::string&) -> Status {
      auto before = CumulativeBefore(key_id, start);
      if (!before) return before.error();
      return between_.Start(key_id, start, end).ForEachRow([&](const Run& run) {
        const Money cumulative = Money::FromNanos(run.Integer(1));
        minutes[run.Integer(0)] += cumulative - *before;
        *before = cumulative;
        return Ok();
      });
    };
    PURSER_RETURN_IF_ERROR(ForEachKey(coverage, add));
    std::vector<MinuteSpend> result;
    result.reserve(minutes.size());
    for (const auto& [minute, spent] : minutes) {
      if (spent > Money()) result.push_back({minute, spent});
    }
    return result;
  }

  Result<std::optional<SeriesCursor>> FindCursor(const std::string& source,
                                                 std::uint64_t series_high,
                                                 std::uint64_t series_low) override {
    const std::lock_guard lock(mutex_);
    const auto source_id = FindSource(source);
    if (!source_id) return source_id.error();
    if (!*source_id) return std::optional<SeriesCursor>();
    return find_cursor_
        .Start(std::bit_cast<std::int64_t>(series_high), std::bit_cast<std::int64_t>(series_low),
               **source_id)
        .FirstRow(ReadCursor);
  }

  Result<std::optional<SourcePosition>> Position(const std::string& source) override {
    const std::lock_guard lock(mutex_);
    return position_.Start(source).FirstRow([](const Run& run) {
      return SourcePosition{ToTimestamp(run.Integer(0)), OptionalTime(run, 1),
                            OptionalTime(run, 2)};
    });
  }

  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    Batch named;
    named.source = source;
    PURSER_RETURN_IF_ERROR(Check(named));
    const std::lock_guard lock(mutex_);
    Status written = WriteEpoch(source, epoch);
    if (!written.ok()) sources_.clear();
    return written;
  }

  Status Fold(Timestamp now) override {
    sqlite::FoldPlan plan;
    plan.until = MinuteOf(now - kFoldAfter) / kMinutesPerQuarter * kMinutesPerQuarter;
    plan.horizon = MinuteOf(now - kKeepFor) / kMinutesPerQuarter * kMinutesPerQuarter;
    {
      const std::lock_guard lock(mutex_);
      const auto folded = folding_.FoldedUntil();
      if (!folded) return folded.error();
      plan.from = *folded;
    }
    if (plan.until <= plan.from) return Ok();
    for (std::int64_t last_key = 0;;) {
      // One short transaction each, so that commits get in between.
      const std::lock_guard lock(mutex_);
      const auto next = FoldSome(last_key, plan);
      if (!next) return next.error();
      if (!*next) return Ok();
      last_key = **next;
    }
  }

 private:
  // Everything below is called with mutex_ held.

  Result<std::int64_t> EpochOfFile() const {
    const auto epoch = epoch_of_file_.Start().FirstRow(FirstInteger);
    if (!epoch) return epoch.error();
    return epoch->value_or(0);
  }

  // Inside a transaction: nobody can take over before it ends.
  Status CheckFence() const {
    const auto epoch = EpochOfFile();
    if (!epoch) return epoch.error();
    if (epoch_ && *epoch_ == *epoch) return Ok();
    return Error(ErrorCode::kFenced, connection_->path() + ": epoch " + std::to_string(*epoch) +
                                         (epoch_ ? " has replaced " + std::to_string(*epoch_) +
                                                       ": another leader books now"
                                                 : ": this store was not taken over"));
  }

  Status Write(const Batch& batch) {
    Transaction transaction(*connection_);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    PURSER_RETURN_IF_ERROR(CheckFence());
    const auto source_id = MakeSource(batch.source);
    if (!source_id) return source_id.error();
    for (const auto& increment : batch.increments)
      PURSER_RETURN_IF_ERROR(booking_.Book(*source_id, increment));
    for (const auto& cursor : batch.cursors) {
      PURSER_RETURN_IF_ERROR(put_cursor_.Execute(
          std::bit_cast<std::int64_t>(cursor.series_high),
          std::bit_cast<std::int64_t>(cursor.series_low), ToInteger(cursor.last_time),
          cursor.last_value.nanos(), cursor.recent_resets, ToInteger(cursor.first_recent_reset),
          cursor.suspended, *source_id));
    }
    if (batch.complete_until) {
      PURSER_RETURN_IF_ERROR(set_complete_.Execute(*source_id, ToInteger(*batch.complete_until)));
    }
    if (batch.newest_sample) {
      PURSER_RETURN_IF_ERROR(set_newest_.Execute(*source_id, ToInteger(*batch.newest_sample)));
    }
    return transaction.Commit();
  }

  Status WriteEpoch(const std::string& source, Timestamp epoch) {
    Transaction transaction(*connection_);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    PURSER_RETURN_IF_ERROR(CheckFence());
    const auto source_id = MakeSource(source);
    if (!source_id) return source_id.error();
    PURSER_RETURN_IF_ERROR(set_source_epoch_.Execute(*source_id, ToInteger(epoch)));
    return transaction.Commit();
  }

  // Folds the keys after `last_key`; the last one folded, or nothing at the end.
  Result<std::optional<std::int64_t>> FoldSome(std::int64_t last_key,
                                               const sqlite::FoldPlan& plan) {
    Transaction transaction(*connection_);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    PURSER_RETURN_IF_ERROR(CheckFence());
    const auto keys = folding_.KeysAfter(last_key);
    if (!keys) return keys.error();
    for (const std::int64_t key : *keys) PURSER_RETURN_IF_ERROR(folding_.Fold(key, plan));
    std::optional<std::int64_t> last;
    if (!keys->empty()) {
      last = keys->back();
    } else {
      // Once a day is often enough to look at every cursor.
      if (plan.from / kMinutesPerDay != plan.until / kMinutesPerDay) {
        PURSER_RETURN_IF_ERROR(folding_.DropCursorsBefore(plan.horizon));
      }
      PURSER_RETURN_IF_ERROR(folding_.SetFoldedUntil(plan.until));
    }
    PURSER_RETURN_IF_ERROR(transaction.Commit());
    return last;
  }

  Result<std::optional<std::int64_t>> FindSource(const std::string& name) {
    const auto known = sources_.find(name);
    if (known != sources_.end()) return std::optional(known->second);
    auto id = find_source_.Start(name).FirstRow(FirstInteger);
    if (id && *id) sources_[name] = **id;
    return id;
  }

  Result<std::int64_t> MakeSource(const std::string& name) {
    const auto found = FindSource(name);
    if (!found) return found.error();
    if (*found) return **found;
    PURSER_RETURN_IF_ERROR(insert_source_.Execute(name));
    const std::int64_t id = connection_->LastInsertId();
    sources_[name] = id;
    return id;
  }

  Result<Money> CumulativeBefore(std::int64_t key_id, std::int64_t minute) const {
    const auto nanos = before_.Start(key_id, minute).FirstRow(FirstInteger);
    if (!nanos) return nanos.error();
    return Money::FromNanos(nanos->value_or(0));
  }

  // Calls visit(key id, agent) for every key covered, agents ascending.
  template <typename Visit>
  Status ForEachKey(const Coverage& coverage, const Visit& visit) {
    const auto source_id = FindSource(coverage.source);
    if (!source_id) return source_id.error();
    if (!*source_id) return Ok();
    const auto visit_row = [&](const Run& run) { return visit(run.Integer(0), run.Text(1)); };
    if (coverage.whole_namespace)
      return keys_of_namespace_.Start(**source_id, coverage.ns).ForEachRow(visit_row);
    for (const auto& agent : coverage.agents) {
      PURSER_RETURN_IF_ERROR(
          keys_of_agent_.Start(**source_id, coverage.ns, agent).ForEachRow(visit_row));
    }
    return Ok();
  }

  std::mutex mutex_;
  const std::unique_ptr<Connection> connection_;
  sqlite::Booking booking_;
  sqlite::Folding folding_;
  std::optional<std::int64_t> epoch_;  // ours, once taken over
  std::map<std::string, std::int64_t> sources_;
  Statement epoch_of_file_, raise_epoch_, find_source_, insert_source_, position_,
      set_source_epoch_, set_complete_, set_newest_, put_cursor_, find_cursor_, keys_of_agent_,
      keys_of_namespace_, before_, between_;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  auto connection = Connection::Open(path);
  if (!connection) return connection.error();
  PURSER_RETURN_IF_ERROR(sqlite::PrepareSchema(**connection));
  auto booking = sqlite::Booking::Make(**connection);
  if (!booking) return booking.error();
  auto folding = sqlite::Folding::Make(**connection);
  if (!folding) return folding.error();
  auto store = std::make_unique<SqliteStore>(std::move(*connection), std::move(*booking),
                                             std::move(*folding));
  PURSER_RETURN_IF_ERROR(store->Prepare());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace purser::ledger
