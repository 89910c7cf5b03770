// The columns of Amounts, in the order in which Run binds and reads them.
#pragma once

// NOLINTBEGIN(cppcoreguidelines-macro-usage): literals that join those around them.
#define PURSER_AMOUNT_COLUMNS                                               \
  "cost, calls, failed_calls, input_tokens, output_tokens, cached_tokens, " \
  "reasoning_tokens, latency_ms, estimated"
#define PURSER_AMOUNT_PARAMETERS "?,?,?,?,?,?,?,?,?"
// NOLINTEND(cppcoreguidelines-macro-usage)
