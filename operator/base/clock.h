// Time, injected: production uses SystemClock, tests a clock they move by hand.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace purser {

// UTC, millisecond resolution (that of Prometheus samples).
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp Now() const = 0;
  // A clock that nobody sets, for delays.
  virtual std::chrono::steady_clock::time_point Steady() const {
    return std::chrono::steady_clock::now();
  }

  // Waits on `condition` until it is notified, `deadline` (of this clock) passes, or `stop` is
  // requested; may wake early. `lock` is held on entry and on return. Thread-safe.
  virtual void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable_any& condition,
                         Timestamp deadline, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp Now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }
  void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable_any& condition,
                 Timestamp deadline, std::stop_token stop) override {
    // At most a minute on the steady clock at a time, so that a step of the wall clock is noticed.
    const auto remaining = std::min<Duration>(deadline - Now(), std::chrono::minutes(1));
    if (remaining <= Duration::zero()) return;
    bool woken = false;
    condition.wait_for(lock, stop, remaining, [&woken] { return std::exchange(woken, true); });
  }
};

}  // namespace purser
