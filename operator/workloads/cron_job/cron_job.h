// CronJobs: spec.suspend makes no new Jobs; those that it has made go on, and are suspended
// themselves.
#pragma once

#include "workloads/kind.h"

namespace purser::workloads {

KindPointer MakeCronJobKind();

}  // namespace purser::workloads
