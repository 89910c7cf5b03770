#include "ledger/sqlite/schema.h"

#include <array>
#include <string>

namespace purser::ledger::sqlite {
namespace {

// "PRSR": tells a ledger from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x50525352;

// One entry per version, applied in order; never edited once released.
//
// bucket: the running total of a key up to and including a minute (nano-dollars). The spend of [a,
// b) is the last row before b less the last row before a: two index seeks, whatever lies between.
// Times are milliseconds since 1970, minutes minutes since 1970. 128-bit hashes are two integers,
// signed by SQLite.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {R"sql(
CREATE TABLE meta(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  schema_version INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  folded_until INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES(1, 0, 0, 0);

CREATE TABLE source(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch INTEGER,
  complete_until INTEGER,
  newest_sample INTEGER
) STRICT;

CREATE TABLE spend_key(
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source(id),
  ns TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  task TEXT NOT NULL,
  workflow TEXT NOT NULL,
  UNIQUE(source_id, ns, agent, model, task, workflow)
) STRICT;

CREATE TABLE bucket(
  key_id INTEGER NOT NULL REFERENCES spend_key(id) ON DELETE CASCADE,
  minute INTEGER NOT NULL CHECK(minute >= 0),
  cumulative INTEGER NOT NULL CHECK(cumulative > 0),
  PRIMARY KEY(key_id, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursor(
  series_high INTEGER NOT NULL,
  series_low INTEGER NOT NULL,
  source_id INTEGER NOT NULL REFERENCES source(id),
  last_time INTEGER NOT NULL,
  last_value INTEGER NOT NULL CHECK(last_value >= 0),
  recent_resets INTEGER NOT NULL,
  first_recent_reset INTEGER NOT NULL,
  suspended INTEGER NOT NULL CHECK(suspended IN (0, 1)),
  PRIMARY KEY(series_high, series_low)
) STRICT, WITHOUT ROWID;
)sql"};

// 0 for a new file, else the version written in it.
Result<std::int64_t> VersionOf(const Connection& connection) {
  const auto tables = connection.QueryInteger("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  const auto application = connection.QueryInteger("PRAGMA application_id");
  if (!application) return application.error();
  if (*tables == 0 && *application == 0) return std::int64_t{0};
  if (*application != kApplicationId) {
    return Error(
        ErrorCode::kCorrupt,
        connection.path() +
            ": this SQLite file is not a ledger of Purser: name another file in store.path");
  }
  const auto version = connection.QueryInteger("SELECT schema_version FROM meta");
  if (!version) return version.error();
  if (*version > kSchemaVersion) {
    return Error(ErrorCode::kInvalidArgument,
                 connection.path() + ": written by a newer Purser (schema " +
                     std::to_string(*version) + ", this one knows " +
                     std::to_string(kSchemaVersion) +
                     "): run that version again, or name another file in store.path");
  }
  return *version;
}

Status CheckIntegrity(const Connection& connection) {
  const auto found = connection.QueryText("PRAGMA quick_check(1)");
  if (!found) return found.error();
  if (*found == "ok") return Ok();
  return Error(ErrorCode::kCorrupt,
               connection.path() + ": damaged (" + found->substr(0, 200) +
                   "): restore a copy, or move it away with its -wal and -shm files and restart; "
                   "spend within the sources' backfill is then read again");
}

Status SetUp(const Connection& connection) {
  const auto mode = connection.QueryText("PRAGMA journal_mode=WAL");
  if (!mode) return mode.error();
  if (*mode != "wal") {
    return Error(ErrorCode::kUnavailable, connection.path() +
                                              ": no write-ahead log on this volume (" + *mode +
                                              "): use a local or block volume, not NFS");
  }
  // A small cache: the rows in use are the newest of each key. No temporary files: the root file
  // system may be read-only.
  return connection.Execute(
      "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-2048;"
      "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216;");
}

}  // namespace

Status PrepareSchema(const Connection& connection) {
  auto version = VersionOf(connection);
  if (!version) return version.error();
  if (*version > 0) PURSER_RETURN_IF_ERROR(CheckIntegrity(connection));
  PURSER_RETURN_IF_ERROR(SetUp(connection));

  Transaction transaction(connection);
  PURSER_RETURN_IF_ERROR(transaction.Begin());
  // Again, now that nobody else can write: two processes may open a new file at once.
  version = VersionOf(connection);
  if (!version) return version.error();
  for (auto i = static_cast<std::size_t>(*version); i < kMigrations.size(); ++i)
    PURSER_RETURN_IF_ERROR(connection.Execute(kMigrations[i]));
  // Written even when nothing changed: a file that cannot be written shows here, not at the first
  // spend.
  PURSER_RETURN_IF_ERROR(
      connection.Execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                         "; UPDATE meta SET schema_version=" + std::to_string(kSchemaVersion)));
  return transaction.Commit();
}

}  // namespace purser::ledger::sqlite
