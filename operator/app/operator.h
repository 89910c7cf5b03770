// The whole operator, wired: usage -> ledger -> policy -> enforcement -> status.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "api/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "kube/access.h"

namespace purser::app {

struct OperatorOptions {
  api::OperatorConfig config;
  kube::Access access;
  Clock* clock =
      nullptr;  // of windows and polls; null: the system's. The Lease always runs on real time.
  std::string identity;  // of the Lease's holder and the events' reporter; empty: host name + Pod
                         // UID, or + random
  bool ephemeral_ledger = false;  // see LeadershipOptions::ephemeral
  // See LeadershipOptions; nothing: its own.
  std::optional<std::chrono::seconds> stuck_after;
  // Called once, from Run's thread, with the port that serves /healthz, /readyz and /metrics.
  std::function<void(std::uint16_t)> on_listening;
  // Likewise, with the port of the inbound API, where the configuration has one.
  std::function<void(std::uint16_t)> on_serving;
};

// One life of the operator: from start to a requested stop. Run it again for a new configuration.
class Operator {
 public:
  // Error kInvalidArgument: the configuration or the access cannot be used.
  static Result<std::unique_ptr<Operator>> Create(OperatorOptions options);
  ~Operator();

  // Blocks until `stop` (Ok) or until it cannot go on (an error: an unusable store; without a Lease
  // also: fenced). Who loses the Lease waits to lead again. After a stop: no work is taken, the
  // store is committed, the Lease released; within 2 s.
  Status Run(std::stop_token stop);

 private:
  class Implementation;
  explicit Operator(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace purser::app
