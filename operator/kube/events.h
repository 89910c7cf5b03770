// What people read in `kubectl describe`: events.k8s.io/v1, written without ever holding anybody
// up.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"

namespace purser::kube {

struct ObjectReference {
  std::string api_version;
  std::string kind;
  std::string ns;
  std::string name;
  std::string uid;
};

enum class EventType { kNormal, kWarning };

class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  // Thread-safe, returns at once. `reason` (why, CamelCase, constant) and `action` (what was done)
  // have at most 128 bytes; `note` is for people and is cut to 1,024 bytes.
  virtual void Record(const ObjectReference& regarding, EventType type, std::string_view reason,
                      std::string_view action, std::string_view note) = 0;
};

struct EventOptions {
  std::string instance;  // reportingInstance: the Pod's name
  std::size_t queue_limit = 1024;
  // A repetition of (object, type, reason, action, note) within `series_ends_after` of the last one
  // is counted in the same Event, patched at most once per `series_interval`.
  Duration series_interval{std::chrono::seconds(1)};
  Duration series_ends_after{std::chrono::minutes(6)};
  // Events wait that long, so that posting them does not delay the change they tell of.
  Duration posted_after{500};
  std::function<void()> on_dropped;  // any thread, must not block
};

// Posts from a thread of its own, created here and joined by the destructor, which gives what is
// queued up to 500 ms. What does not fit in the queue, or the API server refuses, is dropped and
// told to options.on_dropped.
class ApiEventRecorder final : public EventRecorder {
 public:
  // `client` and `clock` (the wall clock of the timestamps) must outlive the recorder.
  ApiEventRecorder(Client& client, Clock& clock, EventOptions options);
  ~ApiEventRecorder() override;

  void Record(const ObjectReference& regarding, EventType type, std::string_view reason,
              std::string_view action, std::string_view note) override;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::kube
