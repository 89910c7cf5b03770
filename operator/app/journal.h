// `purser journal`: why the money was booked, held or taken back, read beside a running operator.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/journal.h"

namespace purser::app {

struct JournalOptions {
  std::string config_file;          // says where the ledger is
  std::string budget;               // "NAMESPACE/NAME"; empty: any. Only its namespace narrows
  std::vector<std::string> agents;  // "NAMESPACE/NAME" each, of one namespace; empty: any
  std::string since;                // RFC 3339 or a duration before now ("2h"); empty: ever
  bool held = false;                // only what is held now
  std::string output = "text";      // text | json: one object a line
  std::size_t most = 1000;          // the newest ones
};

struct JournalOutput {
  std::string text;   // for standard output
  std::string notes;  // for people, on standard error: what was left out
};

// Opens the ledger read-only: it is never written, nor taken over. Errors: kInvalidArgument names
// the option, its value and what is wanted; otherwise as ledger::ReadSqliteJournal.
Result<JournalOutput> ReadJournal(const JournalOptions& options, Timestamp now);

// The filter that the options ask for. Error: kInvalidArgument.
Result<ledger::JournalFilter> JournalFilterOf(const JournalOptions& options, Timestamp now);

// Oldest first, in aligned columns; each held entry with the SpendCorrection that decides it.
std::string JournalText(const std::vector<ledger::JournalEntry>& entries);
// One JSON object a line. Amounts of money are decimals in text; those that are 0 are left out.
std::string JournalLines(const std::vector<ledger::JournalEntry>& entries);

}  // namespace purser::app
