// GET /v1/report and /v1/calls: what was spent, by what, and single calls.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/router.h"
#include "http/worker.h"
#include "ledger/call_log.h"
#include "ledger/report.h"

namespace purser::http {

struct ReportSources {
  ledger::ReportReader& reports;
  ledger::CallLog& calls;
  Clock& clock;
  Worker& worker;  // reads both
  // Sources with two meters: their records are told, and what of the counter is in none of them.
  std::set<std::string> both;
  // The pool that names an agent; "" none. Any thread.
  std::function<std::string(const std::string& ns, const std::string& agent)> pool_of;
};

// Needs the right to get agentreports in every namespace asked for; `?namespace=*` in all.
void AddReports(Router& router, const ReportSources& sources);

}  // namespace purser::http
