// POST /v1/traces, /v1/logs, /v1/metrics: OTLP/HTTP, protobuf and JSON.
#pragma once

#include "http/router.h"
#include "http/usage_api.h"

namespace purser::http {

// Spans of models and Claude Code's events are records of calls, as of AddUsage. Metrics are no
// calls: they are read, told as a partial success and not booked.
void AddOtlp(Router& router, const Intakes& intakes);

// What AddOtlp books of a body; `home` as of DecodeUsage.
Result<usage::records::Decoded> RecordsOfTraces(std::string& body, const std::string& home);
Result<usage::records::Decoded> RecordsOfLogs(std::string& body, const std::string& home);

}  // namespace purser::http
