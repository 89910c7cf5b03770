// Strict reading of an answer of Prometheus' query API while it arrives. Values are exact: no
// number passes through double. What is odd about one series is told of that series and touches no
// other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "usage/meter/meter.h"
#include "usage/prometheus/problem.h"

namespace purser::usage {

// "1700000000.123", milliseconds at the finest (further digits must be 0); up to the year 9999.
std::optional<Timestamp> ParseSeconds(std::string_view text);

struct AnswerFigures {
  std::int64_t series = 0;
  std::int64_t samples = 0;
  std::int64_t bytes = 0;
};

// What an answer said beside its series.
struct AnswerEnd {
  std::vector<std::string> warnings;  // printable, at most 10
  bool partial = false;               // "isPartial": some of the stores behind it did not answer
};

// One answer. Not thread-safe; make a new one for the next answer.
class AnswerParser {
 public:
  enum class Kind { kMatrix, kVector };  // resultType of a range selector, of an instant one
  // How the values of a series are read: as nano-units (dollars, seconds), as whole units (tokens,
  // calls), or not at all.
  enum class Values { kNanos, kWhole, kLeaveOut };

  // Views live until the call returns. `what` is for people: "NaN", "a native histogram", …
  struct Handlers {
    std::function<Values(std::span<const Label> labels)> on_labels;
    // The numbers of the series, ascending, each time once; not called where there is none.
    std::function<void(std::span<const Label> labels, std::span<const Sample> samples)> on_series;
    // The series, or its last value, is no amount (then `on_series` got the numbers before it).
    // A number after one that is none includes what was spent meanwhile: that is not odd, and
    // neither is one NaN at the end, which is how some tell that a series ended.
    std::function<void(std::span<const Label> labels, std::string_view what)> on_odd;
  };

  AnswerParser(Kind kind, Handlers handlers, std::int64_t most_bytes);
  ~AnswerParser();

  // The next piece of the body. An error ends the answer: kResourceExhausted (more than
  // `most_bytes`), kCorrupt (not JSON, not this API).
  Status Feed(std::string_view piece);
  // After the last piece. Problems: kBadAnswer (not JSON, not this API), kQueryFailed (status
  // error, another resultType). Nothing may be kept of what was given when one is returned.
  std::variant<AnswerEnd, Problem> End();

  const AnswerFigures& figures() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::usage
