// Why a source could not be read: the reason and the message of the SourceHealthy condition.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace purser::usage {

namespace reason {
inline constexpr std::string_view kUnreachable =
    "PrometheusUnreachable";  // no connection, time-out, 5xx
inline constexpr std::string_view kRefused =
    "PrometheusRefused";                                         // 401, 403, unreadable credentials
inline constexpr std::string_view kQueryFailed = "QueryFailed";  // Prometheus said so
inline constexpr std::string_view kBadAnswer = "BadAnswer";      // not what the API promises
inline constexpr std::string_view kIncomplete =
    "IncompleteAnswer";                                        // partial, warned, or too large
inline constexpr std::string_view kNotANumber = "NotANumber";  // NaN, infinite, negative
inline constexpr std::string_view kDuplicateWriters = "DuplicateWriters";
inline constexpr std::string_view kStoreUnavailable = "StoreUnavailable";
inline constexpr std::string_view kFenced = "Fenced";
inline constexpr std::string_view kNoSeries = "NoSeries";        // never any, or none any more
inline constexpr std::string_view kStale = "Stale";              // series, but no new samples
inline constexpr std::string_view kHonorLabels = "HonorLabels";  // of an agent's series
inline constexpr std::string_view kUnpriced = "Unpriced";        // a model without a price
inline constexpr std::string_view kReadingHistory = "ReadingHistory";
}  // namespace reason

struct Problem {
  std::string_view reason;  // of the list above
  std::string message;  // for people; the same problem gives the same text every time, no secrets
  ErrorCode code = ErrorCode::kUnavailable;
};

// The ledger's store could not be read or written.
Problem StoreProblem(const Error& error);

// At most `limit` bytes of foreign text in printable ASCII, for messages.
std::string Printable(std::string_view text, std::size_t limit);

}  // namespace purser::usage
