#include "ledger/sqlite/sqlite_store.h"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "ledger/sqlite/admission_table.h"
#include "ledger/sqlite/booking.h"
#include "ledger/sqlite/call_table.h"
#include "ledger/sqlite/connection.h"
#include "ledger/sqlite/cursors.h"
#include "ledger/sqlite/folding.h"
#include "ledger/sqlite/hold_table.h"
#include "ledger/sqlite/journal_table.h"
#include "ledger/sqlite/membership_table.h"
#include "ledger/sqlite/report_query.h"
#include "ledger/sqlite/schema.h"
#include "ledger/sqlite/sources.h"
#include "ledger/sqlite/sums.h"

namespace purser::ledger {
namespace {

using sqlite::Connection;
using sqlite::Transaction;

constexpr std::int64_t kMinutesPerDay = 24 * 60;
constexpr std::int64_t kEntriesAtATime = 2'000;

// The writing connection and what is prepared on it.
struct Writer {
  std::unique_ptr<Connection> connection;
  sqlite::Sources sources;
  sqlite::Booking booking;
  sqlite::Cursors cursors;
  sqlite::JournalTable journal;
  sqlite::Folding folding;
  sqlite::MembershipTable memberships;
  sqlite::HoldTable holds;
  sqlite::AdmissionTable admissions;
  sqlite::CallWriter calls;

  static Result<Writer> Make(std::unique_ptr<Connection> connection) {
    auto sources = sqlite::Sources::Make(*connection);
    if (!sources) return sources.error();
    auto booking = sqlite::Booking::Make(*connection);
    if (!booking) return booking.error();
    auto cursors = sqlite::Cursors::Make(*connection);
    if (!cursors) return cursors.error();
    auto journal = sqlite::JournalTable::Make(*connection);
    if (!journal) return journal.error();
    auto folding = sqlite::Folding::Make(*connection);
    if (!folding) return folding.error();
    auto memberships = sqlite::MembershipTable::Make(*connection);
    if (!memberships) return memberships.error();
    auto holds = sqlite::HoldTable::Make(*connection);
    if (!holds) return holds.error();
    auto admissions = sqlite::AdmissionTable::Make(*connection);
    if (!admissions) return admissions.error();
    auto calls = sqlite::CallWriter::Make(*connection);
    if (!calls) return calls.error();
    return Writer{std::move(connection),   std::move(*sources), std::move(*booking),
                  std::move(*cursors),     std::move(*journal), std::move(*folding),
                  std::move(*memberships), std::move(*holds),   std::move(*admissions),
                  std::move(*calls)};
  }
};

// Beside it, so that no reader waits for a commit.
struct Reader {
  std::unique_ptr<Connection> connection;
  sqlite::Sources sources;
  sqlite::Cursors cursors;
  sqlite::Sums sums;

  static Result<Reader> Make(std::unique_ptr<Connection> connection) {
    auto sources = sqlite::Sources::Make(*connection);
    if (!sources) return sources.error();
    auto cursors = sqlite::Cursors::Make(*connection);
    if (!cursors) return cursors.error();
    auto sums = sqlite::Sums::Make(*connection);
    if (!sums) return sums.error();
    return Reader{std::move(connection), std::move(*sources), std::move(*cursors),
                  std::move(*sums)};
  }
};

class SqliteStore final : public Store, public AdmissionLog, public CallLog, public ReportReader {
 public:
  SqliteStore(Writer writer, Reader reader)
      : writer_(std::move(writer)), reader_(std::move(reader)) {}

  Result<std::string> LedgerId() override {
    const std::lock_guard lock(reading_);
    return reader_.connection->QueryText("SELECT ledger_id FROM meta");
  }

  Result<std::int64_t> TakeOver() override {
    const std::lock_guard lock(writing_);
    Transaction transaction(*writer_.connection);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    const auto epoch = writer_.sources.TakeOver();
    if (!epoch) return epoch.error();
    PURSER_RETURN_IF_ERROR(transaction.Commit());
    epoch_ = *epoch;
    return *epoch;
  }

  Status Commit(std::vector<Batch>& batches) override {
    for (const auto& batch : batches) PURSER_RETURN_IF_ERROR(Check(batch));
    return Write([&]() -> Status {
      for (auto& batch : batches) PURSER_RETURN_IF_ERROR(WriteBatch(batch));
      return Ok();
    });
  }

  Result<Corrected> Correct(const Correction& correction) override {
    PURSER_RETURN_IF_ERROR(Check(correction));
    Corrected corrected;
    PURSER_RETURN_IF_ERROR(
        Write([&]() -> Status { return WriteCorrection(correction, corrected); }));
    return corrected;
  }

  Result<std::vector<std::vector<AgentSpend>>> Sums(
      const std::vector<Coverage>& coverages) override {
    return OfEach<AgentSpend>(coverages, [&](std::int64_t source, const Coverage& coverage) {
      return reader_.sums.ByAgent(source, coverage);
    });
  }

  Result<std::vector<std::vector<MinuteSpend>>> Minutes(
      const std::vector<Coverage>& coverages) override {
    return OfEach<MinuteSpend>(coverages, [&](std::int64_t source, const Coverage& coverage) {
      return reader_.sums.ByMinute(source, coverage);
    });
  }

  Result<std::vector<SeriesCursor>> CursorsSince(const std::string& source,
                                                 Timestamp since) override {
    return OfSource<SeriesCursor>(
        source, [&](std::int64_t id) { return reader_.cursors.Since(id, since); });
  }

  Result<std::vector<SeriesCursor>> FindCursors(const std::string& source,
                                                const std::vector<SeriesId>& series) override {
    return OfSource<SeriesCursor>(
        source, [&](std::int64_t id) { return reader_.cursors.Find(id, series); });
  }

  Result<std::vector<KeyRate>> Rates(const std::string& source) override {
    return OfSource<KeyRate>(source,
                             [&](std::int64_t id) { return reader_.sums.Rates(id, source); });
  }

  Result<std::vector<JournalEntry>> Journal(const JournalFilter& filter) override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadJournal(*reader_.connection, filter);
  }

  Result<std::vector<Membership>> MembershipsKnown() override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadMemberships(*reader_.connection);
  }

  Status WriteMemberships(const std::vector<Membership>& put,
                          const std::vector<Membership>& drop) override {
    return Write([&]() -> Status {
      PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
      for (const auto& one : put) PURSER_RETURN_IF_ERROR(writer_.memberships.Put(one));
      for (const auto& one : drop) PURSER_RETURN_IF_ERROR(writer_.memberships.Drop(one));
      return Ok();
    });
  }

  Result<std::vector<RowHold>> HoldsKnown() override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadHolds(*reader_.connection);
  }

  Status WriteHolds(const std::vector<RowHold>& holds) override {
    return Write([&]() -> Status {
      PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
      for (const auto& hold : holds) PURSER_RETURN_IF_ERROR(writer_.holds.Put(hold));
      return Ok();
    });
  }

  AdmissionLog* admission_log() override { return this; }

  Result<std::vector<KeptAdmission>> Admissions() override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadAdmissions(*reader_.connection);
  }

  void Put(const void* batch, CallsOfBatch calls) override {
    const std::lock_guard lock(calls_mutex_);
    calls_[batch] = std::make_shared<const CallsOfBatch>(std::move(calls));
  }

  void Drop(const void* batch) override {
    const std::lock_guard lock(calls_mutex_);
    calls_.erase(batch);
  }

  Result<std::pair<std::uint64_t, std::uint64_t>> IdSeed() override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadIdSeed(*reader_.connection);
  }

  Status ForEachId(const std::string& source, Timestamp since,
                   const std::function<void(CallId, Timestamp)>& visit) override {
    const std::lock_guard lock(reading_);
    const auto id = reader_.sources.Find(source);
    if (!id) return id.error();
    return sqlite::ReadIds(*reader_.connection, id->value_or(0), since, visit);
  }

  Result<std::vector<Call>> Calls(const CallFilter& filter) override {
    return OfSource<Call>(filter.source, [&](std::int64_t id) {
      return sqlite::ReadCalls(*reader_.connection, id, filter);
    });
  }

  Result<bool> Prune(Timestamp calls_before, std::int64_t most_calls,
                     Timestamp ids_before) override {
    bool more = false;
    const Status pruned = Write([&]() -> Status {
      PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
      const auto dropped =
          writer_.calls.Prune(calls_before, most_calls, ids_before, kEntriesAtATime);
      if (!dropped) return dropped.error();
      more = *dropped;
      return Ok();
    });
    if (!pruned.ok()) return pruned.error();
    return more;
  }

  Result<std::vector<ReportRow>> Report(const ReportQuery& query) override {
    const std::lock_guard lock(reading_);
    return sqlite::ReadReport(*reader_.connection, query);
  }

  Result<std::optional<SourcePosition>> Position(const std::string& source) override {
    const std::lock_guard lock(reading_);
    return reader_.sources.Position(source);
  }

  Status SetEpoch(const std::string& source, Timestamp epoch) override {
    Batch named;
    named.source = source;
    PURSER_RETURN_IF_ERROR(Check(named));
    return Write([&]() -> Status {
      const auto id = writer_.sources.ForWriting(source, epoch_);
      if (!id) return id.error();
      return writer_.sources.SetEpoch(*id, epoch);
    });
  }

  Status Fold(Timestamp now) override {
    std::vector<sqlite::FoldPlan> plans;
    {
      const std::lock_guard lock(writing_);
      auto found = writer_.folding.Plans();
      if (!found) return found.error();
      plans = std::move(*found);
    }
    bool new_day = false;
    for (auto& plan : plans) {
      plan.until = MinuteOf(now - kFoldAfter) / kMinutesPerQuarter * kMinutesPerQuarter;
      plan.horizon = MinuteOf(now - kKeepFor) / kMinutesPerQuarter * kMinutesPerQuarter;
      if (plan.until <= plan.from) continue;
      PURSER_RETURN_IF_ERROR(FoldSource(plan));
      new_day = new_day || plan.from / kMinutesPerDay != plan.until / kMinutesPerDay;
    }
    // Once a day is often enough to look at every entry.
    if (!new_day) return Ok();
    PURSER_RETURN_IF_ERROR(PruneMembershipsAndHolds(now));
    return PruneJournal(now);
  }

  Status ForgetCursors(const std::string& source, Timestamp before) override {
    return Write([&]() -> Status {
      const auto id = writer_.sources.Find(source);
      if (!id) return id.error();
      if (!*id) return Ok();
      PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
      return writer_.cursors.DropBefore(**id, before);
    });
  }

 private:
  // One transaction; what was remembered of rows is forgotten when it is rolled back.
  template <typename Body>
  Status Write(const Body& body) {
    const std::lock_guard lock(writing_);
    Status written = WriteInTransaction(body);
    writer_.booking.Forget();
    if (!written.ok()) {
      writer_.sources.Forget();
      writer_.cursors.Forget();
    }
    return written;
  }

  template <typename Body>
  Status WriteInTransaction(const Body& body) {
    Transaction transaction(*writer_.connection);
    PURSER_RETURN_IF_ERROR(transaction.Begin());
    PURSER_RETURN_IF_ERROR(body());
    return transaction.Commit();
  }

  // The methods down to FoldSource are called inside a transaction.

  Status WriteBatch(Batch& batch) {
    const auto source_id = writer_.sources.ForWriting(batch.source, epoch_);
    if (!source_id) return source_id.error();
    for (const auto& increment : batch.increments)
      PURSER_RETURN_IF_ERROR(writer_.booking.Book(*source_id, increment));
    for (const auto& cursor : batch.cursors)
      PURSER_RETURN_IF_ERROR(writer_.cursors.Put(*source_id, cursor));
    for (auto& entry : batch.journal) {
      PURSER_RETURN_IF_ERROR(writer_.journal.Append(entry));
      if (const auto settled = SettledBy(entry))
        PURSER_RETURN_IF_ERROR(writer_.booking.Book(*source_id, *settled));
    }
    for (const auto& rate : batch.rates)
      PURSER_RETURN_IF_ERROR(writer_.booking.PutRate(*source_id, rate));
    PURSER_RETURN_IF_ERROR(writer_.admissions.Put(batch.admissions));
    PURSER_RETURN_IF_ERROR(WriteCalls(*source_id, batch));
    return writer_.sources.Advance(*source_id, batch);
  }

  Status WriteCalls(std::int64_t source_id, const Batch& batch) {
    std::shared_ptr<const CallsOfBatch> with;
    {
      const std::lock_guard lock(calls_mutex_);
      if (const auto found = calls_.find(BatchToken(batch)); found != calls_.end())
        with = found->second;
    }
    if (with == nullptr) return Ok();
    PURSER_RETURN_IF_ERROR(
        writer_.calls.Append(source_id, with->calls, writer_.booking, with->received));
    return writer_.calls.AppendIds(source_id, with->ids, with->received);
  }

  Status WriteCorrection(const Correction& correction, Corrected& corrected) {
    const auto there = writer_.journal.FindOrigin(correction.origin);
    if (!there) return there.error();
    if (*there) {
      corrected = {**there, true, std::nullopt};
      return Ok();
    }
    std::optional<JournalEntry> doubt;
    if (correction.doubt != 0) {
      auto found = writer_.journal.Find(correction.doubt);
      if (!found) return found.error();
      doubt = std::move(*found);
    }
    auto decided = Decide(correction, doubt);
    if (!decided) return decided.error();
    if (!*decided) {
      corrected = {correction.doubt, true, std::nullopt};
      return Ok();
    }
    JournalEntry entry = std::move(**decided);
    const auto source_id = writer_.sources.ForWriting(entry.key.source, epoch_);
    if (!source_id) return source_id.error();
    if (doubt) {
      PURSER_RETURN_IF_ERROR(writer_.journal.SetHeld(
          doubt->id, correction.accept ? HeldState::kAccepted : HeldState::kRejected,
          correction.by));
    }
    if (!entry.amount.IsZero()) {
      corrected.increment = Increment{entry.key, entry.at, entry.amount};
      PURSER_RETURN_IF_ERROR(writer_.booking.Book(*source_id, *corrected.increment));
    }
    PURSER_RETURN_IF_ERROR(writer_.journal.Append(entry));
    corrected.entry = entry.id;
    return Ok();
  }

  // Folds one source in short transactions, so that commits get in between.
  Status FoldSource(const sqlite::FoldPlan& plan) {
    for (std::int64_t last_key = 0;;) {
      bool done = false;
      const auto folded = Write([&]() -> Status {
        PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
        const auto keys = writer_.folding.KeysAfter(plan.source_id, last_key);
        if (!keys) return keys.error();
        for (const std::int64_t key : *keys)
          PURSER_RETURN_IF_ERROR(writer_.folding.Fold(key, plan));
        done = keys->empty();
        if (done) return writer_.folding.SetFolded(plan);
        last_key = keys->back();
        return Ok();
      });
      if (done || !folded.ok()) return folded;
    }
  }

  Status PruneMembershipsAndHolds(Timestamp now) {
    return Write([&]() -> Status {
      PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
      PURSER_RETURN_IF_ERROR(writer_.holds.Prune(now - kKeepFor));
      return writer_.memberships.Prune(MinuteOf(now - kKeepFor), MinuteOf(now - kFoldAfter));
    });
  }

  Status PruneJournal(Timestamp now) {
    for (;;) {
      std::int64_t dropped = 0;
      const auto pruned = Write([&]() -> Status {
        PURSER_RETURN_IF_ERROR(writer_.sources.CheckFence(epoch_));
        const auto count = writer_.journal.Prune(
            {now - kKeepJournalFor, now - kKeepFor, kMostJournalEntries}, kEntriesAtATime);
        if (!count) return count.error();
        dropped = *count;
        return Ok();
      });
      if (dropped < kEntriesAtATime || !pruned.ok()) return pruned;
    }
  }

  template <typename Row, typename Read>
  Result<std::vector<Row>> OfSource(const std::string& source, const Read& read) {
    const std::lock_guard lock(reading_);
    const auto id = reader_.sources.Find(source);
    if (!id) return id.error();
    if (!*id) return std::vector<Row>();
    return read(**id);
  }

  template <typename Row, typename Read>
  Result<std::vector<std::vector<Row>>> OfEach(const std::vector<Coverage>& coverages,
                                               const Read& read) {
    std::vector<std::vector<Row>> result;
    result.reserve(coverages.size());
    for (const auto& coverage : coverages) {
      auto rows = OfSource<Row>(coverage.source,
                                [&](std::int64_t source) { return read(source, coverage); });
      if (!rows) return rows.error();
      result.push_back(std::move(*rows));
    }
    return result;
  }

  std::mutex writing_;
  Writer writer_;
  std::optional<std::int64_t> epoch_;  // ours, once taken over
  std::mutex reading_;
  Reader reader_;
  std::mutex calls_mutex_;
  std::map<const void*, std::shared_ptr<const CallsOfBatch>> calls_;  // by BatchToken
};

}  // namespace

// Every store of this library is one.
CallLog& CallLogOf(Store& store) { return dynamic_cast<SqliteStore&>(store); }
ReportReader& ReportsOf(Store& store) { return dynamic_cast<SqliteStore&>(store); }

Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  auto connection = Connection::Open(path);
  if (!connection) return connection.error();
  PURSER_RETURN_IF_ERROR(sqlite::PrepareSchema(**connection));
  auto writer = Writer::Make(std::move(*connection));
  if (!writer) return writer.error();
  auto reading = Connection::Open(path);
  if (!reading) return reading.error();
  PURSER_RETURN_IF_ERROR((*reading)->Execute("PRAGMA query_only=ON; PRAGMA cache_size=-1024"));
  auto reader = Reader::Make(std::move(*reading));
  if (!reader) return reader.error();
  return std::unique_ptr<Store>(
      std::make_unique<SqliteStore>(std::move(*writer), std::move(*reader)));
}

Result<std::vector<JournalEntry>> ReadSqliteJournal(const std::string& path,
                                                    const JournalFilter& filter) {
  const auto connection = Connection::Open(path, Connection::Access::kReadOnly);
  if (!connection) return connection.error();
  PURSER_RETURN_IF_ERROR(sqlite::CheckReadable(**connection));
  return sqlite::ReadJournal(**connection, filter);
}

}  // namespace purser::ledger
