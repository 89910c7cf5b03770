// Which pods of a workload run, for kinds whose status does not tell.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "kube/client.h"
#include "workloads/workload.h"

namespace purser::controllers {

// Pods that have not run to their end: those of the workload's selector, else those that it owns,
// itself or through what it owns. Reads them from the API server. Error kPermissionDenied: pods may
// not be listed.
Result<std::int64_t> CountPods(kube::Client& client, const workloads::Workload& workload);

}  // namespace purser::controllers
