#include "http/worker.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/guarded.h"

namespace purser::http {

Worker::Worker()
    : thread_([this](const std::stop_token& stop) {
        while (true) {
          std::function<void()> work;
          {
            std::unique_lock lock(mutex_);
            if (!came_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            if (stop.stop_requested()) return;
            work = std::move(waiting_.front());
            waiting_.pop_front();
          }
          const Status done = Guarded([&]() -> Status {
            work();
            return Ok();
          });
          if (!done.ok()) spdlog::error("api: {}", done.error().message());
        }
      }) {}

Worker::~Worker() {
  thread_.request_stop();
  thread_.join();
}

bool Worker::Do(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) return false;
    waiting_.push_back(std::move(work));
  }
  came_.notify_one();
  return true;
}

}  // namespace purser::http
