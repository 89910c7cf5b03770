#include "app/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <string>
#include <thread>

namespace purser::app {
namespace {

// Waits for signals in a thread of its own, from construction to destruction.
class SignalWaiter {
 public:
  SignalWaiter() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { Wait(); });
  }
  ~SignalWaiter() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Wait() {
    while (true) {
      int received = 0;
      sigwait(&signals_, &received);
      if (received == SIGUSR1) {
        if (over_) return;
        continue;  // not ours: anybody may send one
      }
      if (stop_.stop_requested()) _exit(128 + received);
      stop_.request_stop();
    }
  }

  sigset_t signals_{};
  std::stop_source stop_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

Error Unexpected(const std::string& what) {
  return Error(ErrorCode::kInternal, "ended by an unexpected error: " + what);
}

}  // namespace

Status RunUntilSignal(const std::function<Status(std::stop_token)>& work) {
  const SignalWaiter waiter;
  try {
    return work(waiter.token());
  } catch (const std::exception& exception) {
    return Unexpected(exception.what());
  } catch (...) {
    return Unexpected("of an unknown kind");
  }
}

}  // namespace purser::app
