// What the operator tells over plain HTTP: /healthz, /readyz and /metrics, and the figures behind.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_budget/still_spending.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "net/server/http_server.h"
#include "observability/metrics.h"

namespace purser::app {

// References live as long as who serves. Functions are called on the server's thread.
struct Told {
  const controllers::Caches& caches;
  const controllers::EvaluationBoard& board;
  const controllers::StillSpendingBoard& still_spending;
  std::vector<std::pair<std::string, const controllers::KeyQueue*>> queues;  // by controller
  std::function<bool()> leading;
  std::function<std::vector<observability::SourceSample>()> sources;
  std::function<std::vector<observability::UnclaimedSample>()> unclaimed;
  bool elects = false;  // replicas stand by until they lead
  // Why this replica does not even stand by; what hangs for good. Nothing: all is well.
  std::function<std::optional<std::string>()> refusal{};
  std::function<std::optional<std::string>()> stuck{};
};

// For figures alone: a double is no amount.
double Dollars(Money amount);

// The snapshots that /metrics takes.
observability::Snapshots SnapshotsOf(const Told& told);

net::ServerResponse Serve(const Told& told, const observability::Metrics& metrics,
                          const net::ServerRequest& request);

}  // namespace purser::app
