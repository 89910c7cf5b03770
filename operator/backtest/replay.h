// Usage through budgets, with the operator's own evaluation: what would have been held down, and
// what that would have saved and refused. Pure; time is that of the calls.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backtest/manifests.h"
#include "backtest/usage_file.h"
#include "base/clock.h"
#include "base/result.h"
#include "money/amounts.h"
#include "policy/level.h"

namespace purser::backtest {

// A budget, or one subject of it, asks something else of its agents.
struct Event {
  Timestamp at;
  kube::ObjectKey budget;
  std::string subject;  // "": all in scope
  policy::Level before = policy::Level::kNormal;
  policy::Level level = policy::Level::kNormal;
  std::string message;  // the budget's own
};

// Of all, or of one agent. asked = spent + refused + held_back.
struct Outcome {
  Amounts asked;
  Amounts spent;
  Amounts refused;    // while stopped, or new work is refused
  Amounts held_back;  // while throttled: what the curve left no room for
};

struct Point {
  Timestamp at;
  Money asked;  // since the beginning
  Money spent;
};

struct Replayed {
  std::vector<Event> events;
  Outcome all;
  std::map<std::string, Outcome> agents;  // "namespace/agent"
  std::vector<Point> curve;               // one a poll in which something was asked
  Timestamp from;
  Timestamp to;
};

// Budgets are evaluated every `poll`, as the operator polls; what is decided holds until the next.
// A call that is refused or held back is not tried again. Budgets in Audit are taken as if they
// enforced: that is the question. Errors: kInvalidArgument (no budget; an unknown time zone).
Result<Replayed> Replay(const Manifests& manifests, const std::vector<Call>& calls, Duration poll);

}  // namespace purser::backtest
