// Clocks for tests: one that stands still until moved, one that runs with an offset.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "base/clock.h"

namespace purser::support {

// Keeps track of who waits, so that a jump of the clock wakes them. Thread-safe.
class JumpingClock : public Clock {
 public:
  void WaitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable_any& condition,
                 Timestamp deadline, std::stop_token stop) override {
    {
      const std::lock_guard guard(mutex_);
      waiting_.insert(&condition);
    }
    // Short real waits: a jump between the check and the wait is noticed within 5 ms.
    if (Now() < deadline) {
      bool woken = false;
      condition.wait_for(lock, stop, RealWait(deadline),
                         [&woken] { return std::exchange(woken, true); });
    }
    const std::lock_guard guard(mutex_);
    waiting_.erase(waiting_.find(&condition));
  }

  // Whether somebody waits by now: a jump meets a deadline that is set.
  bool Awaited() {
    const std::lock_guard guard(mutex_);
    return !waiting_.empty();
  }

 protected:
  virtual Duration RealWait(Timestamp deadline) const = 0;
  void WakeAll() {
    const std::lock_guard guard(mutex_);
    for (auto* condition : waiting_) condition->notify_all();
  }

 private:
  std::mutex mutex_;
  std::multiset<std::condition_variable_any*> waiting_;
};

// Stands still; moves only by Set and Advance.
class FakeClock final : public JumpingClock {
 public:
  explicit FakeClock(Timestamp now) : now_(now) {}
  Timestamp Now() const override { return now_.load(); }
  void Set(Timestamp now) {
    now_ = now;
    WakeAll();
  }
  void Advance(Duration by) { Set(Now() + by); }

 protected:
  Duration RealWait(Timestamp) const override { return Duration(5); }

 private:
  std::atomic<Timestamp> now_;
};

// Runs at real speed from a chosen time; can jump.
class OffsetClock final : public JumpingClock {
 public:
  explicit OffsetClock(Timestamp start) : offset_(start - Real()) {}
  Timestamp Now() const override { return Real() + offset_.load(); }
  void Set(Timestamp now) {
    offset_ = now - Real();
    WakeAll();
  }
  void Advance(Duration by) { Set(Now() + by); }

 protected:
  Duration RealWait(Timestamp deadline) const override {
    return std::min<Duration>(deadline - Now(), Duration(20));
  }

 private:
  static Timestamp Real() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
  }
  std::atomic<Duration> offset_;
};

}  // namespace purser::support
