// Strict reading of an answer of Prometheus' query API. Values are exact: no number passes through
// double.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "usage/prometheus/problem.h"
#include "usage/prometheus/series.h"

namespace purser::usage {

// "1700000000.123", milliseconds at the finest (further digits must be 0); up to the year 9999.
std::optional<Timestamp> ParseSeconds(std::string_view text);

struct AnswerFigures {
  std::int64_t series = 0;
  std::int64_t samples = 0;
};

// Keeps small buffers from one answer to the next. Not thread-safe.
class AnswerParser {
 public:
  enum class Kind { kMatrix, kVector };  // resultType of a range selector, of an instant one
  // What is done about a series whose last value is no number. One that has a later number is read
  // on from there in any case: it includes what was spent meanwhile.
  enum class Trailing {
    kRefuse,    // its spend is not known: kNotANumber
    kLeaveOut,  // for answers that end in the past: its numbers are read, the rest comes later
  };
  // Its views live until it returns. A problem returned ends the parse.
  using OnSeries = std::function<std::optional<Problem>(const Series&)>;

  AnswerParser();
  ~AnswerParser();

  // Gives every series to `on_series` as it is read, so that the samples are never all in memory.
  // Nothing may be kept of what it did when a problem is returned: warnings follow the data.
  // Problems: kBadAnswer (not JSON, not this API, another resultType, times not ascending),
  // kQueryFailed (status error), kIncomplete (warnings), kNotANumber (NaN, infinite, negative; a
  // histogram whatever `trailing` says).
  std::optional<Problem> Parse(std::string body, Kind kind, const OnSeries& on_series,
                               AnswerFigures& figures, Trailing trailing = Trailing::kRefuse);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::usage
