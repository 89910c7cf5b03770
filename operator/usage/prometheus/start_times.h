// When counters began: the question about some series, and which answer belongs to which.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "usage/meter/meter.h"

namespace purser::usage {

// Pure; lives for one answer's questions.
class StartTimes {
 public:
  // `metrics`: the names without selectors, such as agent_cost_usd_total.
  StartTimes(const std::vector<std::string>& metrics, const std::vector<Question>& questions);

  // `{__name__=~"agent_cost_usd_created|process_start_time_seconds",instance=~"a|b"}`; empty:
  // nothing of the kind can be known (series without an instance, of a recording rule).
  const std::string& expression() const { return expression_; }

  // One series of the answer; `nanos`: its value, seconds since 1970 in nano-seconds.
  void Take(std::span<const Label> labels, std::int64_t nanos);

  // Of the question with that number: <metric>_created of just this series, or else when its
  // target's process started.
  std::optional<Timestamp> Of(const Question& question) const;

 private:
  using Labels = std::map<std::string, std::string>;
  std::string expression_;
  std::map<std::string, std::string> created_;  // <metric>_created -> metric
  std::map<Labels, Timestamp> series_;          // with __name__ of the metric itself
  std::map<std::pair<std::string, std::string>, Timestamp> targets_;  // job, instance
};

}  // namespace purser::usage
