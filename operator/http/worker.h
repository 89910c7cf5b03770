// A thread for what may wait, so that the server's own never does.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace purser::http {

// Thread-safe. What is queued when it ends is dropped.
class Worker {
 public:
  static constexpr std::size_t kMostWaiting = 64;

  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False: too much waits.
  bool Do(std::function<void()> work);

 private:
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<std::function<void()>> waiting_;
  std::jthread thread_;
};

}  // namespace purser::http
