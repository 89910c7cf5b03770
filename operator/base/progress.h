// What is being done at this moment and since when, so that work that is stuck can be noticed from
// outside of it.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace purser {

// Thread-safe; on the steady clock.
class Progress {
 public:
  struct Item {
    std::string what;
    std::chrono::steady_clock::time_point since;
  };

  // One item, until it is destroyed; the Progress must outlive it.
  class [[nodiscard]] Step {
   public:
    Step(Progress& progress, std::string what) : progress_(progress) {
      const std::lock_guard lock(progress_.mutex_);
      item_ = progress_.items_.insert(progress_.items_.end(),
                                      {std::move(what), std::chrono::steady_clock::now()});
    }
    ~Step() {
      const std::lock_guard lock(progress_.mutex_);
      progress_.items_.erase(item_);
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Progress& progress_;
    std::list<Item>::iterator item_;
  };

  // The item in progress for the longest time, if that is more than `limit`.
  std::optional<Item> StuckFor(std::chrono::steady_clock::duration limit) const {
    const std::lock_guard lock(mutex_);
    if (items_.empty() || std::chrono::steady_clock::now() - items_.front().since <= limit)
      return std::nullopt;
    return items_.front();
  }

 private:
  mutable std::mutex mutex_;
  std::list<Item> items_;  // the oldest first
};

}  // namespace purser
