#include "ledger/change_notifier.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

namespace purser::ledger {

ChangeNotifier::ChangeNotifier(bool own_thread) : own_thread_(own_thread) {
  if (own_thread_) thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

ChangeNotifier::~ChangeNotifier() = default;

void ChangeNotifier::SetListener(Listener listener) {
  std::unique_lock lock(mutex_);
  listener_ = std::move(listener);
  if (std::this_thread::get_id() == thread_.get_id()) return;
  changed_.wait(lock, [this] { return !calling_; });
}

void ChangeNotifier::Notify(const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  Listener listener;
  {
    const std::lock_guard lock(mutex_);
    if (!listener_) return;
    if (own_thread_) {
      noted_.insert(ids.begin(), ids.end());
      changed_.notify_all();
      return;
    }
    listener = listener_;
  }
  listener(ids);
}

void ChangeNotifier::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !noted_.empty(); })) {
    if (stop.stop_requested()) return;
    const std::vector<std::string> ids(noted_.begin(), noted_.end());
    noted_.clear();
    const Listener listener = listener_;
    if (!listener) continue;
    calling_ = true;
    lock.unlock();
    Call(listener, ids);
    lock.lock();
    calling_ = false;
    changed_.notify_all();
  }
}

// Nothing that one budget brings about may end the process.
void ChangeNotifier::Call(const Listener& listener, const std::vector<std::string>& ids) {
  try {
    listener(ids);
  } catch (const std::exception& exception) {
    spdlog::error(
        "ledger: acting on changed totals failed: {}; this is a fault of the operator, "
        "please report it",
        exception.what());
  }
}

}  // namespace purser::ledger
