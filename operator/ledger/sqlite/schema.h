// The tables, and how an older file is brought up to date.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// What this program writes. A file with a higher version is refused.
inline constexpr std::int64_t kSchemaVersion = 8;

// Checks that the file is a ledger, undamaged and writable, sets the connection up, creates or
// migrates the tables in one transaction. Errors as in sqlite_store.h.
Status PrepareSchema(const Connection& connection);

// For whoever only reads: a ledger of a version that has a journal.
Status CheckReadable(const Connection& connection);

}  // namespace purser::ledger::sqlite
