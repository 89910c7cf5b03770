// `purser restore`: restores every replica and limit the operator took, for
// `helm uninstall` and for emergencies.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/access.h"
#include "kube/client.h"

namespace purser::app {

struct RestoreOptions {
  kube::Access access;
  std::vector<std::string> namespaces;  // empty: all
  // NAMESPACE/NAME of the operator's StatefulSet: scaled to 0 first, and waited
  // for, so that nothing takes the replicas again. Empty: whoever calls has
  // stopped the operator.
  std::string stop_stateful_set;
  // NAMESPACE/NAME of the operator's Lease: once all is restored it forgets
  // which ledger led, so that a new installation may begin with its own. Empty:
  // it is left as it is.
  std::string forget_lease;
  Duration timeout{std::chrono::minutes(2)};
};

// Restores the replicas of every workload, as its annotation or the status of
// its pool tells, and removes the finalizer from every AgentPool. Works also
// when the definition of AgentPools is gone. May be run again after a failure:
// it goes on where it was.
Status Restore(const RestoreOptions& options, std::stop_token stop);

// The same by a client of the caller's; options.access is not looked at.
Status RestoreThrough(kube::Client& client, const RestoreOptions& options, std::stop_token stop);

}  // namespace purser::app
