// One SQLite connection and its prepared statements, with errors that say what to do.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "money/amounts.h"

struct sqlite3;
struct sqlite3_stmt;

namespace purser::ledger::sqlite {

class Connection;

// One execution of a statement; the end of its life resets the statement, so that it holds no lock.
class Run {
 public:
  Run(const Connection& connection, sqlite3_stmt* statement)
      : connection_(&connection), statement_(statement) {}
  Run(Run&& other) noexcept
      : connection_(other.connection_),
        statement_(std::exchange(other.statement_, nullptr)),
        parameters_(other.parameters_),
        code_(other.code_) {}
  Run& operator=(Run&&) = delete;
  ~Run();

  // In the order of the statement's parameters. Text must outlive the run.
  Run& Bind(std::int64_t value);
  Run& Bind(std::string_view text);
  Run& Bind(const Amounts& amounts);  // nine parameters, as in amounts_columns.h

  // Runs to the end: visit(run) reads each row and returns a Status, whose error ends the run.
  template <typename Visit>
  Status ForEachRow(const Visit& visit) {
    for (;;) {
      const auto row = Next();
      if (!row) return row.error();
      if (!*row) return Ok();
      PURSER_RETURN_IF_ERROR(visit(static_cast<const Run&>(*this)));
    }
  }
  // read(run) of the first row; nothing when there is none. Later rows are not looked at.
  template <typename Read>
  Result<std::optional<std::invoke_result_t<Read, const Run&>>> FirstRow(const Read& read) {
    using Optional = std::optional<std::invoke_result_t<Read, const Run&>>;
    const auto row = Next();
    if (!row) return row.error();
    return *row ? Optional(read(static_cast<const Run&>(*this))) : Optional();
  }

  // Columns of the present row, from 0.
  std::int64_t Integer(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;
  // Of nine columns, from this one on.
  Amounts ReadAmounts(int column) const;

 private:
  // Moves to the next row: false at the end.
  Result<bool> Next();

  const Connection* connection_;
  sqlite3_stmt* statement_;
  int parameters_ = 0;
  int code_ = 0;  // of the first binding that failed
};

// A prepared statement; prepared once, run many times, one run at a time.
class Statement {
 public:
  // Runs it with these values: integers, text or Amounts.
  template <typename... Values>
  Run Start(const Values&... values) const {
    Run run(*connection_, statement_.get());
    (BindOne(run, values), ...);
    return run;
  }
  template <typename... Values>
  Status Execute(const Values&... values) const {
    return Start(values...).ForEachRow([](const Run&) { return Ok(); });
  }

 private:
  friend class Connection;
  template <typename Value>
  static void BindOne(Run& run, const Value& value) {
    if constexpr (std::is_integral_v<Value>) {
      run.Bind(static_cast<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Value, Amounts>) {
      run.Bind(value);
    } else {
      run.Bind(std::string_view(value));
    }
  }

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  const Connection* connection_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Not thread-safe.
class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };
  // Opens the file, and creates it for kReadWrite. Nothing has been read from it yet. Its
  // statements know saturating_add(a, b) of integers.
  static Result<std::unique_ptr<Connection>> Open(const std::string& path,
                                                  Access access = Access::kReadWrite);

  // Each text is one statement.
  Status Prepare(std::initializer_list<std::pair<Statement*, std::string_view>> statements) const;
  // `sql` may be several statements; rows are thrown away.
  Status Execute(const std::string& sql) const;
  // The first column of the first row of a statement; kCorrupt when there is no row.
  Result<std::int64_t> QueryInteger(std::string_view sql) const;
  Result<std::string> QueryText(std::string_view sql) const;

  std::int64_t LastInsertId() const;
  // Rows that the last statement inserted, updated or deleted.
  std::int64_t Changes() const;
  bool InTransaction() const;
  const std::string& path() const { return path_; }

  // What went wrong, for people: SQLite's text, and what to do about it.
  Error Failure(int code) const;

 private:
  explicit Connection(std::string path) : path_(std::move(path)) {}

  Status PrepareOne(std::string_view sql, Statement& statement) const;
  template <typename Read>
  auto QueryOne(std::string_view sql, const Read& read) const
      -> Result<std::invoke_result_t<Read, const Run&>>;

  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

// BEGIN IMMEDIATE … COMMIT; rolled back at the end of its life unless committed.
class Transaction {
 public:
  explicit Transaction(const Connection& connection) : connection_(connection) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Status Begin();
  Status Commit();

 private:
  const Connection& connection_;
};

}  // namespace purser::ledger::sqlite
