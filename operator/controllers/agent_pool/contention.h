// Who keeps changing replicas against us: counts reversals and says when to back off. Not
// thread-safe.
#pragma once

#include <deque>
#include <string>
#include <utility>

#include "base/clock.h"

namespace purser::controllers {

class Contention {
 public:
  static constexpr std::size_t kReversals = 5;
  static constexpr Duration kWithin = std::chrono::minutes(10);
  static constexpr Duration kBackoff = std::chrono::minutes(1);

  // A change of ours had to be made again. `by`: who undid it, as far as is known.
  void Reversed(Timestamp now, std::string by) {
    by_ = std::move(by);
    reversals_.push_back(now);
    if (reversals_.size() > kReversals) reversals_.pop_front();
  }
  bool Contended(Timestamp now) const {
    return reversals_.size() == kReversals && now - reversals_.front() < kWithin;
  }
  // The earliest time to reassert again; in the past when there is no contention.
  Timestamp NextReassert(Timestamp now) const {
    return Contended(now) ? reversals_.back() + kBackoff : now;
  }
  // Who undid the last one; empty: not known.
  const std::string& by() const { return by_; }

 private:
  std::string by_;
  std::deque<Timestamp> reversals_;
};

}  // namespace purser::controllers
