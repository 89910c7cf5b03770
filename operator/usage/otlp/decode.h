// OTLP/HTTP bodies (traces, logs, metrics; protobuf or JSON) as calls of models. Pure.
//
//                  a call is                              its id
// traces           a span of a model's operation          trace and span
// logs             claude_code.api_request, api_error     request_id, else session and sequence
// metrics          no single call: amounts of a series    the series, and the time it covers
//
// Who spent: purser.agent of the span, record or point, else of the resource; agent, agent.name or
// service.name of OTEL_RESOURCE_ATTRIBUTES come after gen_ai.agent.name of the span, and that of
// the nearest invoke_agent around it. A pod's uid is told beside, for those who can look it up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "money/amounts.h"
#include "money/price.h"

namespace purser::usage::otlp {

enum class Encoding { kProtobuf, kJson };
// By a Content-Type header: application/x-protobuf or application/json, parameters ignored.
std::optional<Encoding> EncodingOf(std::string_view content_type);

struct Call {
  std::string id;
  Timestamp at;  // its end
  std::string ns;
  std::string agent;    // "": nobody said
  std::string pod_uid;  // k8s.pod.uid
  std::string provider;
  std::string model;
  std::string task;
  std::string workflow;
  std::string session;    // a conversation, or what comes nearest
  std::string admission;  // purser.admission
  Tokens tokens;
  std::optional<Money> cost;  // nothing: by prices
  std::int64_t latency_ms = 0;
  bool failed = false;
  std::string error;
};

// One that was no good, and why.
struct Rejected {
  std::string id;
  std::string reason;
};

struct Calls {
  std::vector<Call> calls;
  std::vector<Rejected> rejected;
  std::int64_t skipped = 0;  // spans or records of something else
};

// What a series says. Of a cumulative one the amounts are since `start`, else only of this time.
struct Point {
  std::string series;  // its identity
  Call who;            // of which only id, at, and who spent on what
  Amounts amounts;
  Timestamp start;
  bool cumulative = false;
};
struct Points {
  std::vector<Point> points;
  std::vector<Rejected> rejected;
  std::int64_t skipped = 0;  // points of something else
};

// Error kInvalidArgument: no such document. What is wrong with one of many is in `rejected`.
Result<Calls> DecodeTraces(std::string_view body, Encoding encoding);
Result<Calls> DecodeLogs(std::string_view body, Encoding encoding);
Result<Points> DecodeMetrics(std::string_view body, Encoding encoding);

}  // namespace purser::usage::otlp
