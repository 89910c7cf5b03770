// What was called, from a file: JSON records, one a line or in an array, or CSV with a header.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/spend_key.h"
#include "money/amounts.h"

namespace purser::backtest {

struct Call {
  Timestamp at;
  ledger::SpendKey key;  // source "default"
  Amounts amounts;       // calls is 1
};

// Fields, or columns, as the records of the HTTP API: time (RFC 3339, or milliseconds since 1970),
// agent, and of namespace, model, task, workflow, costUSD, inputTokens, outputTokens, cachedTokens,
// reasoningTokens, latencyMs, outcome (Failure counts as failed) those there are; others are passed
// over. Sorted by time. `ns`: of records that name none. At most 64 MiB and a million calls.
// Error kInvalidArgument: "FILE:LINE: field: value, what is wanted".
Result<std::vector<Call>> ReadUsage(std::string_view text, std::string_view file,
                                    const std::string& ns);

inline constexpr std::size_t kLargestUsageFile = 64 << 20;
inline constexpr std::size_t kMostCalls = 1'000'000;

}  // namespace purser::backtest
