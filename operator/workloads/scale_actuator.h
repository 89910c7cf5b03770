// Carries out a plan on one workload: what is set and the saved original in one patch.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "kube/client.h"
#include "workloads/kind.h"
#include "workloads/workload.h"
#include "workloads/workload_plan.h"

namespace purser::workloads {

// The patch for `plan` (not kNothing) on `workload`; carries its resourceVersion as
// precondition.
std::string PatchOf(const Kind& kind, const Workload& workload, const WorkloadPlan& plan);

// Sends it. Returns the object as it is then, its replicas being those of the plan: should an
// admission webhook have set others, the watch tells. Error kConflict: changed meanwhile, read
// again.
Result<Workload> Actuate(kube::Client& client, const Kind& kind, const Workload& workload,
                         const WorkloadPlan& plan);

// The same by way of the subresource scale, which rules for the whole object are not asked about:
// sets the replicas alone, no annotation. `plan.replicas` must be given, and the original be kept
// elsewhere before.
Result<Workload> ActuateScale(kube::Client& client, const Kind& kind, const Workload& workload,
                              const WorkloadPlan& plan);

// Whether somebody refused the object as a whole.
bool Refuses(const Error& error);
// Whether a write that failed so may succeed through the subresource, which the kind has.
bool MayTryScale(const Kind& kind, const Error& error);

// Takes our name off the object's managedFields, so that whoever applies that field later meets no
// conflict. Nothing: our name is not there.
Result<std::optional<Workload>> DropOwnership(kube::Client& client, const Kind& kind,
                                              const Workload& workload);

// What is known of a workload: `known` is what the pool's status or our memory says was saved.
struct KnownState {
  WorkloadState state;
  std::string doubt{};  // see SavedCopies
};
KnownState StateOf(const Kind& kind, const Workload& workload,
                   const std::optional<Saved>& known = std::nullopt);

// What its annotation alone says was saved.
std::optional<Saved> SavedOn(const Workload& workload);

}  // namespace purser::workloads
