// The ledger in one SQLite file: WAL, synchronous=FULL. Schema and reasons: schema.h, ADR 0002.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "ledger/store.h"

namespace purser::ledger {

// Opens or creates the file (its folder must exist), brings an older schema up to date, and checks
// the file. One connection: calls wait for each other. Errors: kUnavailable (cannot be opened,
// read-only, full, locked by another process), kCorrupt (damaged, or not a ledger),
// kInvalidArgument (written by a newer version). Each message says what to do.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

}  // namespace purser::ledger
