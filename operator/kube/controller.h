// The loop that works a queue of objects off: level-based reconciling, retried with backoff.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "base/result.h"
#include "kube/object/object_meta.h"
#include "kube/work_queue.h"

namespace purser::kube {

// When a reconcile that succeeded wants its object again.
struct Requeue {
  std::optional<Duration> after;  // of real time; nothing: when something changes
};

// One reconcile that ended.
struct Outcome {
  const std::string& controller;
  const ObjectKey& key;
  std::chrono::nanoseconds took;
  const Error* error;  // null: it succeeded; else it is retried
  bool threw;          // an exception, caught here
};

struct ControllerOptions {
  std::string name;         // for logs and metrics
  std::size_t workers = 1;  // threads
  // Brings the object nearer to what is wanted. Never called for one key by two threads. An Error,
  // or whatever it throws, is retried with the queue's backoff; the other objects go on.
  std::function<Result<Requeue>(const ObjectKey&)> reconcile;
  // Made before a reconcile, kept until its outcome was told; null: none.
  std::function<std::shared_ptr<void>()> scope{};
  // From the workers' threads.
  std::function<void(const Outcome&)> on_outcome{};
  Progress* progress = nullptr;  // told of each reconcile under way; null: none
};

// Thread-safe. What is given to it must outlive it.
class Controller {
 public:
  Controller(WorkQueue<ObjectKey>& queue, ControllerOptions options);
  ~Controller();  // as Stop
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Once: starts the workers, which take keys until `stop`; a reconcile under way is finished.
  void Start(const std::stop_token& stop);

  // Ends the workers and joins them.
  void Stop();

  // Works off what is ready now, on the calling thread; also beside others, and before Start.
  void WorkOffReady(const std::stop_token& stop);

 private:
  void WorkOn(const ObjectKey& key);

  WorkQueue<ObjectKey>& queue_;
  const ControllerOptions options_;
  std::stop_source stop_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
  std::vector<std::jthread> workers_;
};

}  // namespace purser::kube
