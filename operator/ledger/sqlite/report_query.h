// Reports, read from the cumulative buckets.
#pragma once

#include <vector>

#include "base/result.h"
#include "ledger/report.h"
#include "ledger/sqlite/connection.h"

namespace purser::ledger::sqlite {

// As ReportReader::Report.
Result<std::vector<ReportRow>> ReadReport(const Connection& connection, const ReportQuery& query);

}  // namespace purser::ledger::sqlite
