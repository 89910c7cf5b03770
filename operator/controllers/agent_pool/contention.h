// Who keeps changing replicas against us: counts reversals of one workload, whatever became of our
// annotation, and says when to set them again. Not thread-safe.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "controllers/agent_pool/autoscalers.h"
#include "policy/budget_decision.h"

namespace purser::controllers {

class Contention {
 public:
  static constexpr std::size_t kReversals = 5;
  static constexpr Duration kWithin = std::chrono::minutes(10);
  // Nobody has changed anything for so long: it is over.
  static constexpr Duration kQuiet = std::chrono::minutes(3);
  // Between two tries of a throttle; of a stop it begins at 5 s and grows to 30 s: what runs
  // meanwhile spends.
  static constexpr Duration kBackoff = std::chrono::minutes(1);
  static constexpr Duration kFirstStopBackoff = std::chrono::seconds(5);
  static constexpr Duration kLongestStopBackoff = std::chrono::seconds(30);

  // A change of ours had to be made again. `by`: who undid it, empty if not known; `level`: what is
  // asked.
  void Reversed(Timestamp now, std::string by, policy::Level level);
  bool Contended(Timestamp now) const;
  // The earliest time to set them again for an ask of `level`; `now` when nothing speaks against
  // it: a stronger ask than those that were undone never waits.
  Timestamp NextReassert(Timestamp now, policy::Level level) const;
  // When it is over unless somebody changes them again. Only while contended.
  Timestamp Ends() const;
  // Who undid the last one; empty: not known.
  const std::string& by() const { return by_; }

 private:
  std::string by_;
  policy::Level level_ = policy::Level::kNormal;  // the strongest that was undone
  std::deque<Timestamp> reversals_;
  int beyond_ = 0;  // reversals since it is contention
};

// What to do about whoever changes the replicas of a workload of `kind` ("Deployment"), by the
// name of its field manager and the autoscaler that names the workload, if any.
std::string WayOutOfContention(const std::string& manager, const std::string& kind,
                               const std::optional<Autoscaler>& autoscaler = std::nullopt);

}  // namespace purser::controllers
