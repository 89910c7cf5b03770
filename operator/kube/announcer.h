// Tells handlers what changed in a cache, in order, and once more where one of them threw.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "kube/object/object_meta.h"
#include "kube/work_queue.h"

namespace purser::kube {

// Thread-safe once every handler is added.
template <typename T>
class Announcer {
 public:
  using Pointer = std::shared_ptr<const T>;
  // Both, or one of them null: before = null for a new object, after = null for one that is gone.
  using Handler = std::function<void(const Pointer& before, const Pointer& after)>;

  // `threw`: hears of what a handler threw.
  explicit Announcer(std::function<void(const Error&)> threw) : threw_(std::move(threw)) {}

  void Add(Handler handler) { handlers_.push_back(std::move(handler)); }

  // One at a time, after the cache holds the change.
  void Announce(Pointer before, const Pointer& after) {
    const std::lock_guard lock(mutex_);
    int failures = 0;
    if (!parked_.empty()) {
      const auto found = parked_.find((after ? after : before)->meta.key());
      if (found != parked_.end()) {
        before = found->second.before;
        failures = found->second.failures;
        parked_.erase(found);
        if (!before && !after) return;  // it came and went
      }
    }
    Tell({std::move(before), after, failures, {}});
  }

  // Those that are due.
  void AnnounceParked() {
    const std::lock_guard lock(mutex_);
    if (parked_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    std::vector<Parked> due;
    for (auto entry = parked_.begin(); entry != parked_.end();) {
      if (entry->second.next > now) {
        ++entry;
        continue;
      }
      due.push_back(std::move(entry->second));
      entry = parked_.erase(entry);
    }
    for (auto& change : due) Tell(std::move(change));
  }

 private:
  // A change that a handler threw at.
  struct Parked {
    Pointer before;  // what handlers know for certain
    Pointer after;
    int failures = 0;
    std::chrono::steady_clock::time_point next;
  };

  // Under mutex_. Each handler hears of it, whatever the others throw.
  void Tell(Parked change) {
    bool threw = false;
    for (const auto& handler : handlers_) {
      bool this_threw = false;
      const auto told = Guarded([&] { handler(change.before, change.after); }, this_threw);
      if (!this_threw) continue;
      threw = true;
      const auto& meta = (change.after ? change.after : change.before)->meta;
      threw_(told.error().WithContext("a handler of " + meta.key().ToString()));
    }
    if (!threw) return;
    const auto key = (change.after ? change.after : change.before)->meta.key();
    change.next = std::chrono::steady_clock::now() + BackoffAfter(change.failures++, 0);
    parked_.insert_or_assign(key, std::move(change));
  }

  const std::function<void(const Error&)> threw_;
  std::vector<Handler> handlers_;
  std::mutex mutex_;
  std::unordered_map<ObjectKey, Parked> parked_;  // under mutex_
};

}  // namespace purser::kube
