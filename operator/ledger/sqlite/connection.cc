#include "ledger/sqlite/connection.h"

#include <sqlite3.h>

namespace purser::ledger::sqlite {
namespace {

// Another leader's transaction is over in less.
constexpr int kBusyTimeoutMilliseconds = 1'000;

struct Advice {
  ErrorCode code;
  const char* text;
};

Advice AdviceFor(int code) {
  switch (code & 0xff) {  // the primary code
    case SQLITE_FULL:
      return {ErrorCode::kUnavailable,
              "the volume is full: free or add space; nothing is lost, what could not be booked is "
              "read again"};
    case SQLITE_READONLY:
      return {
          ErrorCode::kUnavailable,
          "the file cannot be written: mount the volume writable and let this user own the file"};
    case SQLITE_CANTOPEN:
      return {
          ErrorCode::kUnavailable,
          "the file cannot be opened: create its folder, on a volume that is mounted writable, and "
          "let this user write in it"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorCode::kUnavailable, "access is denied: let this user own the file"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::kUnavailable,
              "another process holds the file: two operators must not share it without leader "
              "election"};
    case SQLITE_IOERR:
      return {
          ErrorCode::kUnavailable,
          "the volume failed: check it and its space; nothing is lost, what could not be booked "
          "is read again"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {
          ErrorCode::kCorrupt,
          "the file is damaged: restore a copy, or move it away with its -wal and -shm files and "
          "restart; spend within the sources' backfill is then read again"};
    case SQLITE_NOMEM:
      return {ErrorCode::kUnavailable, "out of memory"};
    default:
      return {ErrorCode::kInternal, "this is a fault of the operator: please report it"};
  }
}

// SQLite's own addition turns into floating point where it overflows.
void SaturatingAdd(sqlite3_context* context, int, sqlite3_value** values) {
  const Money sum = Money::FromNanos(sqlite3_value_int64(values[0])) +
                    Money::FromNanos(sqlite3_value_int64(values[1]));
  sqlite3_result_int64(context, sum.nanos());
}

}  // namespace

Run::~Run() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Run& Run::Bind(std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_, ++parameters_, value);
  if (code_ == SQLITE_OK) code_ = code;
  return *this;
}

Run& Run::Bind(std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  const int code =
      sqlite3_bind_text64(statement_, ++parameters_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code_ == SQLITE_OK) code_ = code;
  return *this;
}

Run& Run::Bind(const Amounts& amounts) {
  for (const std::int64_t value :
       {amounts.cost.nanos(), amounts.calls, amounts.failed_calls, amounts.input_tokens,
        amounts.output_tokens, amounts.cached_tokens, amounts.reasoning_tokens, amounts.latency_ms,
        amounts.estimated.nanos()}) {
    Bind(value);
  }
  return *this;
}

Result<bool> Run::Next() {
  if (code_ != SQLITE_OK) return connection_->Failure(code_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->Failure(code);
}

std::int64_t Run::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Run::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

bool Run::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Amounts Run::ReadAmounts(int column) const {
  return {.cost = Money::FromNanos(Integer(column)),
          .calls = Integer(column + 1),
          .failed_calls = Integer(column + 2),
          .input_tokens = Integer(column + 3),
          .output_tokens = Integer(column + 4),
          .cached_tokens = Integer(column + 5),
          .reasoning_tokens = Integer(column + 6),
          .latency_ms = Integer(column + 7),
          .estimated = Money::FromNanos(Integer(column + 8))};
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Connection::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Access access) {
  std::unique_ptr<Connection> connection(new Connection(path));
  sqlite3* database = nullptr;
  const int mode = access == Access::kReadOnly ? SQLITE_OPEN_READONLY
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // Nobody asks SQLite how much memory it has, and each allocation would take a lock to count it.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(uncounted);
  // NOMUTEX: whoever holds the connection guards it.
  int code = sqlite3_open_v2(path.c_str(), &database, mode | SQLITE_OPEN_NOMUTEX, nullptr);
  connection->database_.reset(database);
  if (code != SQLITE_OK) return connection->Failure(code);
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyTimeoutMilliseconds);
  code = sqlite3_create_function_v2(database, "saturating_add", 2,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
                                    SaturatingAdd, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return connection->Failure(code);
  return connection;
}

Status Connection::Prepare(
    std::initializer_list<std::pair<Statement*, std::string_view>> statements) const {
  for (const auto& [statement, sql] : statements)
    PURSER_RETURN_IF_ERROR(PrepareOne(sql, *statement));
  return Ok();
}

Status Connection::PrepareOne(std::string_view sql, Statement& statement) const {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  statement.connection_ = this;
  statement.statement_.reset(prepared);
  return Ok();
}

Status Connection::Execute(const std::string& sql) const {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return Ok();
}

template <typename Read>
auto Connection::QueryOne(std::string_view sql, const Read& read) const
    -> Result<std::invoke_result_t<Read, const Run&>> {
  Statement statement;
  PURSER_RETURN_IF_ERROR(PrepareOne(sql, statement));
  auto value = statement.Start().FirstRow(read);
  if (!value) return value.error();
  if (!*value) return Error(ErrorCode::kCorrupt, path_ + ": a row is missing");
  return std::move(**value);
}

Result<std::int64_t> Connection::QueryInteger(std::string_view sql) const {
  return QueryOne(sql, [](const Run& run) { return run.Integer(0); });
}

Result<std::string> Connection::QueryText(std::string_view sql) const {
  return QueryOne(sql, [](const Run& run) { return run.Text(0); });
}

std::int64_t Connection::LastInsertId() const { return sqlite3_last_insert_rowid(database_.get()); }

std::int64_t Connection::Changes() const { return sqlite3_changes64(database_.get()); }

bool Connection::InTransaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

Error Connection::Failure(int code) const {
  const Advice advice = AdviceFor(code);
  const std::string text =
      database_ ? sqlite3_errmsg(database_.get()) : std::string(sqlite3_errstr(code));
  return Error(advice.code, path_ + ": " + text + ": " + advice.text);
}

Transaction::~Transaction() {
  // Some failures (a full disk) have rolled back already.
  if (connection_.InTransaction()) (void)connection_.Execute("ROLLBACK").ok();
}

Status Transaction::Begin() { return connection_.Execute("BEGIN IMMEDIATE"); }

Status Transaction::Commit() { return connection_.Execute("COMMIT"); }

}  // namespace purser::ledger::sqlite
