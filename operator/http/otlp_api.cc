#include "http/otlp_api.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "http/problem.h"
#include "usage/otlp/decode.h"

namespace purser::http {
namespace {

using usage::otlp::Encoding;
using usage::records::Decoded;
using usage::records::Record;

// No document in protobuf begins with a brace: that would be field 15 as a fixed number.
Encoding EncodingOf(const std::string& body) {
  return !body.empty() && body.front() == '{' ? Encoding::kJson : Encoding::kProtobuf;
}

Record RecordOf(usage::otlp::Call call, const std::string& home) {
  Record record;
  record.id = call.id.substr(0, usage::records::kLongestId);
  record.time = call.at;
  record.ns = call.ns.empty() ? home : std::move(call.ns);
  record.agent = std::move(call.agent);
  record.admission = std::move(call.admission);
  record.provider = std::move(call.provider);
  record.model = std::move(call.model);
  record.task = std::move(call.task);
  record.workflow = std::move(call.workflow);
  record.error = call.error.substr(0, usage::records::kLongestError);
  record.tokens = call.tokens;
  record.cost = call.cost;
  record.latency_ms = call.latency_ms;
  record.outcome = call.failed ? ledger::Outcome::kFailure : ledger::Outcome::kSuccess;
  return record;
}

Result<Decoded> RecordsOf(Result<usage::otlp::Calls> calls, const std::string& home) {
  if (!calls) return calls.error();
  if (calls->calls.size() > usage::records::kMostRecords)
    return Error(ErrorCode::kResourceExhausted, "more than " +
                                                    std::to_string(usage::records::kMostRecords) +
                                                    " calls in one request; send smaller batches");
  Decoded decoded;
  std::size_t index = 0;
  for (auto& call : calls->calls) {
    auto record = RecordOf(std::move(call), home);
    if (auto wrong = usage::records::WhatIsWrong(record); !wrong.empty()) {
      decoded.rejected.push_back({index++, record.id, std::move(wrong)});
      continue;
    }
    decoded.records.push_back(std::move(record));
    decoded.indices.push_back(index++);
  }
  for (auto& one : calls->rejected)
    decoded.rejected.push_back({index++, std::move(one.id), std::move(one.reason)});
  return decoded;
}

void TakeMetrics(const Request& request, const Reply& reply) {
  const auto points = usage::otlp::DecodeMetrics(request.body, EncodingOf(request.body));
  if (!points) return reply->Send(ProblemOf(points.error()));
  const auto spend = points->points.size() + points->rejected.size();
  nlohmann::json document = nlohmann::json::object();
  if (spend > 0) {
    document["partialSuccess"] = {
        {"rejectedDataPoints", std::to_string(spend)},
        {"errorMessage",
         "metrics are not booked, for they tell no calls: send logs or traces, or "
         "have Prometheus scrape them"}};
  }
  reply->Send({200, "application/json", document.dump()});
}

}  // namespace

Result<Decoded> RecordsOfTraces(std::string& body, const std::string& home) {
  return RecordsOf(usage::otlp::DecodeTraces(body, EncodingOf(body)), home);
}

Result<Decoded> RecordsOfLogs(std::string& body, const std::string& home) {
  return RecordsOf(usage::otlp::DecodeLogs(body, EncodingOf(body)), home);
}

void AddOtlp(Router& router, const Intakes& intakes) {
  AddUsageForm(router, intakes, "/v1/traces", RecordsOfTraces);
  AddUsageForm(router, intakes, "/v1/logs", RecordsOfLogs);
  router.Add("POST", "/v1/metrics", TakeMetrics);
}

}  // namespace purser::http
