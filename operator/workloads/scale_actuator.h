// Carries out a plan on one Deployment or StatefulSet: replicas and the saved original in one
// patch.
#pragma once

#include <string>

#include "base/result.h"
#include "kube/client.h"
#include "workloads/workload.h"
#include "workloads/workload_plan.h"

namespace purser::workloads {

// The strategic merge patch for `plan` (not kNothing) on `workload`; carries its resourceVersion as
// precondition.
std::string PatchOf(const Workload& workload, const workloads::WorkloadPlan& plan);

// Sends it. Returns the object as it is then, its replicas being those of the plan: should an
// admission webhook have set others, the watch tells. Error kConflict: changed meanwhile, read
// again.
Result<Workload> Actuate(kube::Client& client, const kube::ResourceType& type,
                         const Workload& workload, const workloads::WorkloadPlan& plan);

// What workloads::PlanWorkload needs to know of a workload. Error kCorrupt: the annotation is not
// ours to read.
Result<workloads::WorkloadState> StateOf(const Workload& workload);

}  // namespace purser::workloads
