// One life of a process in a test: its writes are numbered, and it can be killed at any of them.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace purser::support {

// Thread-safe.
class Lifeline {
 public:
  enum class Kill { kBefore, kAfter };  // the write takes place, or not; nobody hears of it

  // Dies at its `write`-th write, counted from 1.
  void DieAt(int write, Kill kill) {
    const std::lock_guard lock(mutex_);
    die_at_ = write;
    kill_ = kill;
  }

  // Carries out `write`, unless the life ends before it; nothing: it is over.
  template <typename Write>
  auto Carry(const std::string& what, Write write) -> std::optional<decltype(write())> {
    const std::lock_guard lock(mutex_);
    if (over_) return std::nullopt;
    written_.push_back(what);
    const bool last = static_cast<int>(written_.size()) == die_at_;
    over_ = last;
    if (last && kill_ == Kill::kBefore) return std::nullopt;
    auto answer = write();
    if (last) return std::nullopt;
    return answer;
  }

  void End() {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  bool over() const {
    const std::lock_guard lock(mutex_);
    return over_;
  }
  // What was written, in order; the one that it died at is the last.
  std::vector<std::string> written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  mutable std::mutex mutex_;
  int die_at_ = 0;
  Kill kill_ = Kill::kBefore;
  bool over_ = false;
  std::vector<std::string> written_;
};

}  // namespace purser::support
