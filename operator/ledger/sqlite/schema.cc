#include "ledger/sqlite/schema.h"

#include <array>
#include <string>

namespace purser::ledger::sqlite {
namespace {

// "PRSR": tells a ledger from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x50525352;

// One entry per version, applied in order; never edited once released.
//
// bucket: the running total of a key up to and including a minute, of each amount (cost in
// nano-dollars). The spend of [a, b) is the last row before b less the last row before a: two index
// seeks, whatever lies between. cursor is apart from series, by a dense number: series that are
// read together are written to the same few pages. membership: in minutes, ended by `until`. hold:
// what a row of a budget holds by hysteresis, line by line, and by which spec. call: in the order
// received, so that the oldest go from one end. call_ids: the ids of one commit, 8 bytes each, of
// source_id (0: of every source). fence: the epoch of the source's only writer. Times are
// milliseconds since 1970, minutes minutes since 1970. 128-bit hashes are two integers, signed by
// SQLite.
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
)sql",
                                                                 R"sql(
ALTER TABLE meta ADD COLUMN ledger_id TEXT NOT NULL DEFAULT '';
UPDATE meta SET ledger_id=lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||
  substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) ||
  substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)));

ALTER TABLE source ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN folded_until INTEGER NOT NULL DEFAULT 0;
UPDATE source SET fence=(SELECT epoch FROM meta), folded_until=(SELECT folded_until FROM meta);
ALTER TABLE meta DROP COLUMN folded_until;

CREATE TABLE amounts_bucket(
  key_id INTEGER NOT NULL REFERENCES spend_key(id) ON DELETE CASCADE,
  minute INTEGER NOT NULL CHECK(minute >= 0),
  cost INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  failed_calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  PRIMARY KEY(key_id, minute)
) STRICT, WITHOUT ROWID;
INSERT INTO amounts_bucket SELECT key_id, minute, cumulative, 0, 0, 0, 0, 0, 0, 0 FROM bucket;
DROP TABLE bucket;
ALTER TABLE amounts_bucket RENAME TO bucket;

CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES source(id),
  high INTEGER NOT NULL,
  low INTEGER NOT NULL,
  UNIQUE(source_id, high, low)
) STRICT;
INSERT INTO series(source_id, high, low) SELECT source_id, series_high, series_low FROM cursor;
ALTER TABLE cursor RENAME TO old_cursor;
CREATE TABLE cursor(
  series_id INTEGER PRIMARY KEY REFERENCES series(id) ON DELETE CASCADE,
  last_time INTEGER NOT NULL,
  state TEXT NOT NULL
) STRICT;
INSERT INTO cursor SELECT series.id, old_cursor.last_time, 'v1:' || old_cursor.last_value
  FROM old_cursor JOIN series ON series.source_id=old_cursor.source_id AND
  series.high=old_cursor.series_high AND series.low=old_cursor.series_low;
DROP TABLE old_cursor;

CREATE TABLE key_rate(
  key_id INTEGER PRIMARY KEY REFERENCES spend_key(id) ON DELETE CASCADE,
  per_second INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE journal(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  recorded INTEGER NOT NULL,
  source TEXT NOT NULL,
  ns TEXT NOT NULL,
  agent TEXT NOT NULL,
  model TEXT NOT NULL,
  task TEXT NOT NULL,
  workflow TEXT NOT NULL,
  series TEXT NOT NULL,
  from_value TEXT NOT NULL,
  to_value TEXT NOT NULL,
  cost INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  failed_calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  held TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  origin TEXT NOT NULL
) STRICT;
CREATE INDEX journal_agent ON journal(ns, agent, at);
CREATE INDEX journal_held ON journal(id) WHERE held='Held';
CREATE UNIQUE INDEX journal_origin ON journal(origin) WHERE origin<>'';
)sql",
                                                                 R"sql(
CREATE TABLE membership(
  ns TEXT NOT NULL,
  agent TEXT NOT NULL,
  pool TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY(ns, agent, pool, since)
) STRICT, WITHOUT ROWID;
)sql",
                                                                 R"sql(
CREATE TABLE admission(
  id TEXT PRIMARY KEY,
  made INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX admission_ended ON admission(ended, made);
)sql",
                                                                 R"sql(
CREATE TABLE call(
  id INTEGER PRIMARY KEY,
  received INTEGER NOT NULL,
  at INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  held INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  record_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  parent TEXT NOT NULL,
  error TEXT NOT NULL
) STRICT;
CREATE INDEX call_key ON call(key_id, at);

CREATE TABLE call_ids(
  id INTEGER PRIMARY KEY,
  received INTEGER NOT NULL,
  ids BLOB NOT NULL
) STRICT;

ALTER TABLE meta ADD COLUMN id_seed_high INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN id_seed_low INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET id_seed_high=random(), id_seed_low=random();
)sql",
                                                                 R"sql(
ALTER TABLE bucket ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
)sql",
                                                                 R"sql(
ALTER TABLE call_ids ADD COLUMN source_id INTEGER NOT NULL DEFAULT 0;
)sql",
                                                                 R"sql(
ALTER TABLE membership ADD COLUMN workload TEXT NOT NULL DEFAULT '';

CREATE TABLE hold(
  row TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  keys TEXT NOT NULL,
  at INTEGER NOT NULL
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

Status CheckReadable(const Connection& connection) {
  const auto version = VersionOf(connection);
  if (!version) return version.error();
  constexpr std::int64_t kFirstWithAllColumns = 5;
  if (*version >= kFirstWithAllColumns) return Ok();
  return Error(ErrorCode::kNotFound, connection.path() + ": written by an older Purser (schema " +
                                         std::to_string(*version) +
                                         "): this version's operator brings it up to date "
                                         "when it starts");
}

}  // namespace purser::ledger::sqlite
