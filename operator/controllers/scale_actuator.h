// Carries out a plan on one Deployment or StatefulSet: replicas and the saved original in one
// patch.
#pragma once

#include <string>

#include "base/result.h"
#include "controllers/workload.h"
#include "kube/client.h"
#include "policy/workload_plan.h"

namespace purser::controllers {

// The strategic merge patch for `plan` (not kNothing) on `workload`; carries its resourceVersion as
// precondition.
std::string PatchOf(const Workload& workload, const policy::WorkloadPlan& plan);

// Sends it. Returns the object as it is then, its replicas being those of the plan: should an
// admission webhook have set others, the watch tells. Error kConflict: changed meanwhile, read
// again.
Result<Workload> Actuate(kube::Client& client, const kube::ResourceType& type,
                         const Workload& workload, const policy::WorkloadPlan& plan);

// What policy::PlanWorkload needs to know of a workload. Error kCorrupt: the annotation is not ours
// to read.
Result<policy::WorkloadState> StateOf(const Workload& workload);

}  // namespace purser::controllers
