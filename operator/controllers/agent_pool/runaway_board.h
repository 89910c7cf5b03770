// What is known of loops and spawning in the pools that have spec.runaway, from calls as they
// arrive.
//
// What was found stays found until it has not been seen for kHold; under action Stop until a person
// restores the pool, or changes the rules: a loop that is let go goes on. A restart forgets the
// evidence, not what was found of it, which the pool's status tells.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "kube/object/object_meta.h"
#include "policy/runaway.h"

namespace purser::controllers {

struct CallOfNamespace {
  std::string ns;
  policy::CallSeen call;
};

// A broken rule, by one agent or (agent "") by the pool.
struct Runaway {
  std::string rule;
  std::string agent;
  std::string message;
  Timestamp since;
};

// Thread-safe; no I/O. Bounded over all pools together: the more pools are watched, the less each
// may keep.
class RunawayBoard {
 public:
  static constexpr Duration kHold = std::chrono::minutes(10);
  static constexpr Duration kLookEvery = std::chrono::seconds(1);
  static constexpr std::size_t kMostKeys = 50'000;  // of all pools, of each kind of evidence
  static constexpr std::size_t kFewestKeys = 50;    // of one

  // `changed`: called outside locks where what is found of a pool is another than before.
  RunawayBoard(Clock& clock, std::function<void(const kube::ObjectKey&)> changed)
      : clock_(clock), changed_(std::move(changed)) {}

  // The pool as it is: its rules and agents; what of it is found now. Of one without rules nothing
  // is kept.
  std::vector<Runaway> Watch(const api::AgentPool& pool);
  void Remove(const kube::ObjectKey& pool);
  // A person restores it: what was found, and the evidence, is gone.
  void Release(const kube::ObjectKey& pool);

  // Whether any pool of the namespace has rules: calls of others need not be told.
  bool Watches(const std::string& ns) const;
  void Saw(const std::vector<CallOfNamespace>& calls);
  // Now and then: evidence ages.
  void Look();

 private:
  struct Found {
    std::string message;
    Timestamp since;
    Timestamp shown;  // when the evidence was there last
  };
  struct Watched {
    api::RunawaySpec spec;
    std::int32_t workloads = 0;
    std::vector<std::string> agents;  // sorted
    policy::RunawayWatch evidence;
    std::map<std::pair<std::string, std::string>, Found> found;  // by rule and agent
    Timestamp looked{};
    bool heard = false;  // calls since
  };

  static bool Judge(Watched& watched, Timestamp now);
  void Share();

  Clock& clock_;
  const std::function<void(const kube::ObjectKey&)> changed_;
  mutable std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, Watched> pools_;
  std::map<std::string, std::vector<kube::ObjectKey>> of_namespace_;
};

// What the board found, for the status: by rule.
std::vector<api::RunawayStatus> RunawayStatusOf(const std::vector<Runaway>& found);

// Reason and message of the condition RunawayDetected; found is not empty.
std::pair<std::string, std::string> RunawayConditionOf(const std::vector<Runaway>& found,
                                                       api::RunawayAction action);

}  // namespace purser::controllers
