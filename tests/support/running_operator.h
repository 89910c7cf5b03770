// The whole operator in this process, for integration tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "api/config.h"
#include "app/operator.h"
#include "base/clock.h"

namespace purser::support {

class RunningOperator {
 public:
  // Returns once it listens. Throws std::runtime_error when it cannot start.
  RunningOperator(api::OperatorConfig config, const std::string& kubeconfig, Clock* clock);
  ~RunningOperator();  // as Stop

  // A clean stop.
  void Stop();
  const Status& ended() const { return ended_; }  // what Run returned, after Stop
  bool running() const { return !done_; }         // Run has not returned
  std::uint16_t port() const { return port_; }

 private:
  std::unique_ptr<app::Operator> operator_;
  std::promise<std::uint16_t> listening_;
  std::uint16_t port_ = 0;
  Status ended_ = Ok();
  std::atomic<bool> done_ = false;
  std::jthread thread_;
};

}  // namespace purser::support
