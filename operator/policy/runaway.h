// Loops and spawning: what calls of a pool look like when nobody steers them any more.
//
//   rule             it is one when                                       evidence kept for
//   CallsPerTask     a task made more calls than runaway.callsPerTask     until it idles an hour
//   FailedCalls      of an agent's 20 or more calls in 5 minutes at       5 minutes
//                    least runaway.failedCallsPercent failed
//   Agents           more workloads match than runaway.agents             as told
//   RepeatedCalls    the same agent, task, model and size 30 times in an  an hour
//                    hour; without a task 120 times, and nearly nothing
//                    else
//   GrowingContext   40 calls in a row, each larger than the one before   until it stops growing
//                    by about the same, and the last tenfold the first
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"

namespace purser::policy {

// AgentPool.spec.runaway.
struct RunawayRules {
  std::optional<std::int32_t> calls_per_task = {};
  std::optional<std::int32_t> failed_calls_percent = {};
  std::optional<std::int32_t> agents = {};
  bool operator==(const RunawayRules&) const = default;
};

struct CallSeen {
  std::string id;
  Timestamp at;
  std::string agent;
  std::string task;  // "": none
  std::string model;
  std::int64_t input_tokens = 0;
  bool failed = false;
  // When it was told, where that is not `at`: from then on its evidence ages, so that calls told
  // late, or together, look as they looked when they were made.
  std::optional<Timestamp> heard = {};
};

struct RunawayFinding {
  std::string rule;                   // as above
  std::vector<std::string> agents{};  // sorted; none: the pool
  std::string message;                // for people: counts, window, ids
  bool operator==(const RunawayFinding&) const = default;
};

// The calls of one pool. Not thread-safe. Bounded, whatever names the calls bring: what was not
// heard of for longest is forgotten.
class RunawayWatch {
 public:
  static constexpr std::int64_t kLeastCalls = 20;  // FailedCalls
  static constexpr Duration kFailedWithin = std::chrono::minutes(5);
  static constexpr std::int64_t kRepeats = 30;
  static constexpr std::int64_t kRepeatsWithoutTask = 120;
  static constexpr Duration kRepeatsWithin = std::chrono::hours(1);
  static constexpr std::int64_t kGrowingCalls = 40;
  static constexpr std::size_t kMostKeys = 5'000;       // of each kind
  static constexpr std::size_t kMostAgentsOfTask = 16;  // beyond, a task is the pool's

  // In about the order of their times.
  void Add(const CallSeen& call);
  // The strongest evidence first within a rule; of each rule one of an agent, or of the agents of a
  // task.
  std::vector<RunawayFinding> Findings(const RunawayRules& rules, std::int32_t agents,
                                       Timestamp now) const;
  // Evidence that no window holds any more.
  void Forget(Timestamp now);
  // Keeps so many keys of each kind at most.
  void Bound(std::size_t most);
  std::size_t size() const {
    return tasks_.size() + failures_.size() + repeats_.size() + growth_.size();
  }

 private:
  // Counts by minute, so that a flood takes no more room than a trickle.
  struct Minute {
    std::int64_t minute = 0;
    std::int64_t calls = 0;
    std::int64_t failed = 0;
  };
  struct Evidence {
    std::int64_t calls = 0;
    Timestamp first, last;
    Timestamp heard;               // of the last
    std::vector<std::string> ids;  // the last few
    std::vector<Minute> minutes;
    void Add(const CallSeen& call, Duration keep);
    // What time it is for this evidence.
    Timestamp Now(Timestamp now) const { return last + (now - heard); }
    Minute Within(Duration window, Timestamp now) const;
    std::string Ids() const;
  };
  struct Task {
    std::vector<std::string> agents;  // sorted
    bool many = false;                // more than are kept
    Evidence evidence;
  };
  struct Growth {
    std::int64_t calls = 0;
    std::int64_t first_tokens = 0, last_tokens = 0, step = 0;
    Evidence evidence;
  };
  using TaskKey = std::pair<std::string, std::string>;  // agent, task
  using SizeKey =
      std::tuple<std::string, std::string, std::string, std::int64_t>;  // and model, size
  using LineKey = std::tuple<std::string, std::string, std::string>;

  void Grow(const CallSeen& call);

  std::size_t most_ = kMostKeys;
  std::map<std::string, Task> tasks_;
  std::map<std::string, Evidence> failures_;  // by agent
  std::map<SizeKey, Evidence> repeats_;
  std::map<LineKey, Growth> growth_;
};

}  // namespace purser::policy
