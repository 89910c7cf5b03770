// Tells a listener which totals changed, on a thread of its own or on that of whoever changed them.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace purser::ledger {

// Thread-safe.
class ChangeNotifier {
 public:
  using Listener = std::function<void(const std::vector<std::string>& ids)>;

  // `own_thread`: Notify only notes the ids; those that change while the listener is busy are told
  // together in its next call, each once.
  explicit ChangeNotifier(bool own_thread);
  // Waits for a call under way; what was noted and not told yet is dropped.
  ~ChangeNotifier();

  // No call of an earlier listener is under way when it returns, unless that listener itself calls
  // it.
  void SetListener(Listener listener);
  void Notify(const std::vector<std::string>& ids);

 private:
  void Run(const std::stop_token& stop);
  static void Call(const Listener& listener, const std::vector<std::string>& ids);

  const bool own_thread_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Listener listener_;
  std::set<std::string> noted_;
  bool calling_ = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace purser::ledger
