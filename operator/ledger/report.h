// Sums of spend by any of its dimensions, from the totals: whatever the number of calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/spend_key.h"
#include "money/amounts.h"

namespace purser::ledger {

// Which dimensions stay apart; what is not one of them is summed.
struct ReportBy {
  bool source = false, ns = false, agent = false, model = false, task = false, workflow = false;
  // Of time: 0 all at once, else minutes (60: an hour; 1440: a day of UTC), counted from the
  // Monday before 1970.
  std::int64_t minutes = 0;
};

struct ReportQuery {
  std::vector<std::string> namespaces;                        // of these alone
  std::string source;                                         // "": of all
  std::vector<std::string> but_sources = {};                  // none of these
  std::vector<std::string> agents, models, tasks, workflows;  // empty: any
  Timestamp start, end;                                       // [start, end), as of a Coverage
  ReportBy by;
  std::size_t most_rows = 10'000;
};

struct ReportRow {
  SpendKey key;      // dimensions that were summed are empty
  Timestamp period;  // its start; zero where time is summed
  Amounts spent;
  // Distinct tasks that are named, and those of them all of whose calls succeeded.
  std::int64_t tasks = 0;
  std::int64_t tasks_without_failure = 0;
};

// Of a store. Thread-safe.
class ReportReader {
 public:
  virtual ~ReportReader() = default;
  // By key and time, ascending. Error kResourceExhausted: more than most_rows.
  virtual Result<std::vector<ReportRow>> Report(const ReportQuery& query) = 0;
};

}  // namespace purser::ledger
