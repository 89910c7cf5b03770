// A de-duplicating queue of keys for level-based reconciling: high before low, delays, backoff per
// key.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/clock.h"

namespace purser::kube {

enum class Priority { kHigh, kLow };

// Backoff of AddRateLimited: 5 ms, doubled per failure up to 60 s, plus up to 25 %.
inline constexpr std::chrono::milliseconds kFirstBackoff{5};
inline constexpr std::chrono::milliseconds kLongestBackoff{60'000};
std::chrono::milliseconds BackoffAfter(int failures, double jitter /* [0, 1) */);

// Thread-safe. A key is held by at most one worker: added while held, it comes once more after
// Done.
template <typename Key>
class WorkQueue {
 public:
  // AddAt goes by the clock's Now, AddAfter and backoff by its Steady. Must outlive the queue.
  explicit WorkQueue(Clock& clock) : clock_(clock), random_(std::random_device{}()) {}

  void Add(const Key& key, Priority priority = Priority::kLow) {
    {
      const std::lock_guard lock(mutex_);
      Enqueue(key, priority);
    }
    condition_.notify_one();  // who is woken finds the lock free
  }

  // Adds the key once the clock reaches `when`. One such time per key: the earliest wins. When the
  // clock is set back, every such key is added, within a minute: its time was chosen by another
  // now.
  void AddAt(const Key& key, Timestamp when) {
    const std::lock_guard lock(mutex_);
    latest_ = std::max(latest_, clock_.Now());
    InsertEarliest(at_, at_order_, key, when);
    condition_.notify_one();
  }

  // Adds the key once that much real time has passed. One such time per key, shared with
  // AddRateLimited: the earliest wins, and the higher priority.
  void AddAfter(const Key& key, std::chrono::milliseconds delay,
                Priority priority = Priority::kLow) {
    const std::lock_guard lock(mutex_);
    if (priority == Priority::kHigh) high_when_due_.insert(key);
    InsertEarliest(backoff_, backoff_order_, key, clock_.Steady() + delay);
    condition_.notify_one();
  }

  // Adds the key after its backoff, which grows until Forget.
  void AddRateLimited(const Key& key) {
    const std::lock_guard lock(mutex_);
    int& failures = failures_[key];
    const double jitter = std::uniform_real_distribution<double>(0, 1)(random_);
    InsertEarliest(backoff_, backoff_order_, key, clock_.Steady() + BackoffAfter(failures, jitter));
    if (failures < 30) ++failures;
    condition_.notify_one();
  }

  // The key succeeded, or is gone: its backoff starts anew.
  void Forget(const Key& key) {
    const std::lock_guard lock(mutex_);
    failures_.erase(key);
  }

  // Waits for a key; empty when `stop` is requested. The worker owes a Done.
  std::optional<Key> Get(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      MoveDue();
      if (auto key = Take()) return key;
      Wait(lock, stop);
    }
    return std::nullopt;
  }

  // A key that is ready now, if any. The caller owes a Done.
  std::optional<Key> TryGet() {
    const std::lock_guard lock(mutex_);
    MoveDue();
    return Take();
  }

  void Done(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(key);
    if (found == states_.end() || !found->second.held) return;
    found->second.held = false;
    if (found->second.again) {
      const Priority priority = *found->second.again;
      found->second.again.reset();
      Push(found->first, found->second, priority);
      condition_.notify_one();
    } else {
      states_.erase(found);
    }
  }

  // Keys ready to be taken; delayed and held ones not counted.
  std::size_t Length() const {
    const std::lock_guard lock(mutex_);
    return ready_;
  }

 private:
  using Steady = std::chrono::steady_clock;

  struct State {
    std::optional<Priority> queued;
    std::optional<Priority> again;  // added while held
    bool held = false;
  };

  // A clock that is slewed or adjusted goes back by less.
  static constexpr Duration kSetBack = std::chrono::minutes(1);

  // A low key is taken after this many high ones in a row.
  static constexpr int kHighInARow = 16;

  template <typename Time>
  static void InsertEarliest(std::unordered_map<Key, Time>& times,
                             std::set<std::pair<Time, Key>>& order, const Key& key, Time when) {
    const auto [entry, inserted] = times.try_emplace(key, when);
    if (!inserted) {
      if (entry->second <= when) return;
      order.erase({entry->second, key});
      entry->second = when;
    }
    order.insert({when, key});
  }

  template <typename Time>
  void MoveDueOf(std::unordered_map<Key, Time>& times, std::set<std::pair<Time, Key>>& order,
                 Time now) {
    const auto priority_of = [this](const Key& key) {
      return high_when_due_.erase(key) > 0 ? Priority::kHigh : Priority::kLow;
    };
    while (!order.empty() && order.begin()->first <= now) {
      const Key key = order.begin()->second;
      order.erase(order.begin());
      times.erase(key);
      Enqueue(key, priority_of(key));
      condition_.notify_one();
    }
  }

  void MoveDue() {
    if (!at_order_.empty()) {
      const Timestamp now = clock_.Now();
      const bool set_back = now < latest_ - kSetBack;
      latest_ = now;
      MoveDueOf(at_, at_order_, set_back ? Timestamp::max() : now);
    }
    if (!backoff_order_.empty()) MoveDueOf(backoff_, backoff_order_, clock_.Steady());
  }

  void Enqueue(const Key& key, Priority priority) {
    const auto entry = states_.try_emplace(key).first;
    State& state = entry->second;
    if (state.held) {
      if (!state.again || priority == Priority::kHigh) state.again = priority;
      return;
    }
    // Raised from low to high it stands in both queues; Take skips the one that no longer holds.
    if (!state.queued || (priority == Priority::kHigh && *state.queued == Priority::kLow)) {
      if (state.queued) --ready_;
      Push(entry->first, state, priority);
    }
  }

  void Push(const Key& key, State& state, Priority priority) {
    state.queued = priority;
    (priority == Priority::kHigh ? high_ : low_).push_back(key);
    ++ready_;
  }

  std::optional<Key> TakeFrom(std::deque<Key>& queue, Priority priority) {
    while (!queue.empty()) {
      Key key = std::move(queue.front());
      queue.pop_front();
      const auto found = states_.find(key);
      if (found == states_.end() || found->second.queued != priority) continue;
      found->second.queued.reset();
      found->second.held = true;
      --ready_;
      return key;
    }
    return std::nullopt;
  }

  std::optional<Key> Take() {
    if (ready_ == 0) {
      high_.clear();
      low_.clear();
      return std::nullopt;
    }
    if (high_in_a_row_ < kHighInARow) {
      if (auto key = TakeFrom(high_, Priority::kHigh)) {
        ++high_in_a_row_;
        return key;
      }
    }
    high_in_a_row_ = 0;
    if (auto key = TakeFrom(low_, Priority::kLow)) return key;
    return TakeFrom(high_, Priority::kHigh);
  }

  void Wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    if (at_order_.empty() && backoff_order_.empty()) {
      condition_.wait(lock, stop, [this] {
        return ready_ > 0 || !at_order_.empty() || !backoff_order_.empty();
      });
      return;
    }
    // Both kinds of deadline on the injected clock's wait, which wakes early rather than late.
    const Timestamp now = clock_.Now();
    Timestamp deadline = now + std::chrono::minutes(1);
    if (!at_order_.empty()) deadline = std::min(deadline, at_order_.begin()->first);
    if (!backoff_order_.empty()) {
      const auto remaining = backoff_order_.begin()->first - clock_.Steady();
      deadline =
          std::min(deadline, now + std::max(Duration(1), std::chrono::ceil<Duration>(remaining)));
    }
    clock_.WaitUntil(lock, condition_, deadline, stop);
  }

  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any condition_;
  std::unordered_map<Key, State> states_;
  std::deque<Key> high_;
  std::deque<Key> low_;
  std::size_t ready_ = 0;
  int high_in_a_row_ = 0;
  Timestamp latest_{};  // that clock_ told, while at_ was filled or looked at
  std::unordered_map<Key, Timestamp> at_;
  std::set<std::pair<Timestamp, Key>> at_order_;
  std::unordered_map<Key, Steady::time_point> backoff_;
  std::set<std::pair<Steady::time_point, Key>> backoff_order_;
  std::unordered_set<Key> high_when_due_;
  std::unordered_map<Key, int> failures_;
  std::minstd_rand random_;
};

}  // namespace purser::kube
