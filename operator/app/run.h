// `purser run`: the operator over its configuration file, started anew when the file changes.
#pragma once

#include <stop_token>
#include <string>

#include "base/result.h"

namespace purser::app {

struct RunOptions {
  std::string config_file;
  std::string kubeconfig;  // empty: $KUBECONFIG, the Pod's service account, or ~/.kube/config
  bool ephemeral_ledger = false;  // see LeadershipOptions::ephemeral
};

// Blocks until `stop` or a failure that a restart of the process must mend. A changed file that is
// valid replaces the running operator; one that is not is reported, and the old configuration stays
// in force.
Status RunOperator(const RunOptions& options, std::stop_token stop);

}  // namespace purser::app
