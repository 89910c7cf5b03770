// Call records as they come in: one call of a model each, as the agent, a gateway or a proxy
// reports it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/call_log.h"
#include "money/money.h"
#include "money/price.h"

namespace purser::usage::records {

struct Record {
  std::string id;  // unique in the namespace; 1 to 128 bytes
  Timestamp time;  // when the call ended
  std::string ns, agent;
  std::string pool, provider, model, task, workflow, parent, error;
  std::string admission;  // the one it was made under; "": none, or none that it names
  Tokens tokens;
  std::optional<Money> cost;  // nothing: to be priced by its tokens
  std::int64_t latency_ms = 0;
  ledger::Outcome outcome = ledger::Outcome::kSuccess;
  bool operator==(const Record&) const = default;
};

// The admission that a record names, be it by its own id; "": none.
std::string_view AdmissionOf(const Record& record);
// What ids of admissions begin with.
inline constexpr std::string_view kAdmissionPrefix = "adm-";

// Why one record of a request is not taken.
struct Rejection {
  std::size_t index = 0;  // in the request, from 0
  std::string id;         // as far as it could be read
  std::string reason;     // names the field, the value and the way out
  bool operator==(const Rejection&) const = default;
};

struct Decoded {
  std::vector<Record> records;
  std::vector<std::size_t> indices;  // parallel: where each stood in the request
  std::vector<Rejection> rejected;
};

inline constexpr std::size_t kMostRecords = 10'000;  // of one request
inline constexpr std::size_t kLongestId = 128;
inline constexpr std::size_t kLongestError = 200;  // cut beyond
// Of one call: more is nobody's count.
inline constexpr std::int64_t kMostTokens = 1'000'000'000;

// POST /v1/usage: a JSON array of records, one record, or a record a line (NDJSON). Fields as in
// api.md; unknown ones are ignored, null is absent. `home`: the namespace of records that name
// none; "": they are rejected. The body may grow by a few bytes behind its end.
// Error kInvalidArgument: no JSON of this shape; kResourceExhausted: more than kMostRecords.
Result<Decoded> DecodeUsage(std::string& body, std::string_view home);

// The form of what a record says, whoever read it: names, ranges. "": all is well; else why it is
// rejected.
std::string WhatIsWrong(const Record& record);

}  // namespace purser::usage::records
