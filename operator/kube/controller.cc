#include "kube/controller.h"

#include <utility>

#include "base/guarded.h"

namespace purser::kube {

Controller::Controller(WorkQueue<ObjectKey>& queue, ControllerOptions options)
    : queue_(queue), options_(std::move(options)) {}

Controller::~Controller() { Stop(); }

void Controller::Stop() {
  stop_.request_stop();
  workers_.clear();  // joins
}

void Controller::Start(const std::stop_token& stop) {
  on_stop_.emplace(stop, [this] { stop_.request_stop(); });
  workers_.reserve(options_.workers);
  for (std::size_t i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this] {
      while (const auto key = queue_.Get(stop_.get_token())) WorkOn(*key);
    });
  }
}

void Controller::WorkOffReady(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto key = queue_.TryGet();
    if (!key) return;
    WorkOn(*key);
  }
}

void Controller::WorkOn(const ObjectKey& key) {
  std::optional<Progress::Step> step;
  if (options_.progress != nullptr)
    step.emplace(*options_.progress, options_.name + " " + key.ToString());
  // Its own barrier each: what is told about an outcome must not change it.
  const auto scope = Guarded([this] { return options_.scope ? options_.scope() : nullptr; });
  const auto began = std::chrono::steady_clock::now();
  bool threw = false;
  const auto done = Guarded([&] { return options_.reconcile(key); }, threw);
  const auto took = std::chrono::steady_clock::now() - began;
  static_cast<void>(Guarded([&] {
    if (options_.on_outcome)
      options_.on_outcome({options_.name, key, took, done ? nullptr : &done.error(), threw});
  }));
  if (done) {
    queue_.Forget(key);
    if (done->after) queue_.AddAfter(key, *done->after);
  } else {
    queue_.AddRateLimited(key);
  }
  queue_.Done(key);
}

}  // namespace purser::kube
