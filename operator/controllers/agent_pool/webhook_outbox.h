// Limits on their way to the webhooks of the operator's configuration: of each pool the newest
// document, tried until it is taken.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/object/object_meta.h"

namespace purser::controllers {

// Thread-safe. `clock` must outlive it.
class WebhookOutbox {
 public:
  // One try. Ok: it is taken. kInvalidArgument and kPermissionDenied: this document is refused, and
  // tried again now and then; anything else: nothing gets through, which holds up all of them.
  using Send = std::function<Status(const std::string& webhook, const std::string& document,
                                    const std::stop_token& stop)>;
  // What became of a pool's document is another. From Deliver's thread.
  using OnOutcome = std::function<void(const kube::ObjectKey& pool)>;

  static constexpr Duration kFirstPause = std::chrono::seconds(1);
  static constexpr Duration kLongestPause = std::chrono::minutes(1);
  static constexpr Duration kTryRefusedEvery = std::chrono::minutes(5);

  WebhookOutbox(const std::vector<std::string>& webhooks, Send send, Clock& clock);

  void SetOnOutcome(OnOutcome on_outcome);
  bool Knows(const std::string& webhook) const;

  // Takes the place of the pool's document that waits. Nothing is done where the newest one has the
  // same digest, unless `anew`.
  void Put(const kube::ObjectKey& pool, const std::string& webhook, const std::string& document,
           std::size_t digest, bool anew = false);

  struct Standing {
    bool taken = false;
    bool refused = false;
    std::string problem;  // why it is not taken; empty: it is, or has not been tried yet
    std::size_t digest;   // of the newest document
    Timestamp since;      // when it was put
  };
  // Nothing: nothing was put.
  std::optional<Standing> Of(const kube::ObjectKey& pool, const std::string& webhook) const;
  // Where something was put.
  std::vector<std::string> Remembered(const kube::ObjectKey& pool) const;
  // The pool is gone: what waits is tried on, then forgotten.
  void Forget(const kube::ObjectKey& pool);
  void Forget(const kube::ObjectKey& pool, const std::string& webhook);

  // Tries what is due of one webhook, by one thread. When it is to be called again; nothing: when
  // something is put.
  std::optional<Timestamp> Deliver(const std::string& webhook, const std::stop_token& stop);
  // Does so as it comes, until `stop`.
  void Run(const std::string& webhook, const std::stop_token& stop);

 private:
  struct Entry {
    std::string document;
    std::size_t digest = 0;
    std::uint64_t version = 0;  // grows with each Put
    Timestamp since{};
    Timestamp due{};
    int tries = 0;
    bool taken = false;
    bool refused = false;
    bool gone = false;  // the pool is
    std::string problem{};
  };
  struct Webhook {
    std::map<kube::ObjectKey, Entry> entries{};
    Timestamp paused_until{};
    int failures = 0;       // in a row
    std::string problem{};  // why nothing gets through
    bool changed = false;   // since Deliver began
  };
  // Under mutex_. The next that is due; null: none.
  static const std::pair<const kube::ObjectKey, Entry>* NextOf(const Webhook& webhook,
                                                               Timestamp now);
  static std::optional<Timestamp> DueOf(const Webhook& webhook);
  // What became of a try, into the webhook; whose outcome is another now.
  std::vector<kube::ObjectKey> Take(Webhook& webhook, const kube::ObjectKey& pool,
                                    std::uint64_t version, const Status& outcome, Timestamp now);

  const Send send_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any put_;
  OnOutcome on_outcome_;
  std::map<std::string, Webhook> webhooks_;
  std::uint64_t versions_ = 0;
};

}  // namespace purser::controllers
