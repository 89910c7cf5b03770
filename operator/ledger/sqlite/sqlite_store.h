// The ledger in one SQLite file: WAL, synchronous=FULL. Schema and reasons: schema.h, ADR 0002.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/call_log.h"
#include "ledger/report.h"
#include "ledger/store.h"

namespace purser::ledger {

// Opens or creates the file (its folder must exist), brings an older schema up to date, and checks
// the file. Two connections: writes wait for each other, reads for each other, neither for the
// other. Errors: kUnavailable (cannot be opened,
// read-only, full, locked by another process), kCorrupt (damaged, or not a ledger),
// kInvalidArgument (written by a newer version). Each message says what to do.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

// Of a store that OpenSqliteStore opened, and lives as long as it.
CallLog& CallLogOf(Store& store);
ReportReader& ReportsOf(Store& store);

// The journal of a ledger that another process may be writing: opens the file read-only, never
// writes, takes nothing over. Errors as above; also kNotFound (no such file, or of an older version
// that has no journal yet).
Result<std::vector<JournalEntry>> ReadSqliteJournal(const std::string& path,
                                                    const JournalFilter& filter);

}  // namespace purser::ledger
