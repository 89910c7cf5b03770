// The kinds of workloads, and how one is made of what the API server serves.
#pragma once

#include "api/agent_pool.h"
#include "base/result.h"
#include "kube/client.h"
#include "workloads/kind.h"
#include "workloads/scale/scale.h"

namespace purser::workloads {

const kube::ResourceType& DeploymentType();
const kube::ResourceType& StatefulSetType();
const KindPointer& DeploymentKind();
const KindPointer& StatefulSetKind();

// The kind that `reference` names (its name aside), served as `type`. `on_scale`: with the
// subresource scale, kept at `paths`. A switch that the reference names comes first, then scale,
// then what is known of others. Error kInvalidArgument: nothing says how it is stopped, or it
// belongs to no namespace; the message says what to write.
Result<KindPointer> MakeKind(const api::WorkloadRef& reference, const kube::ResourceType& type,
                             bool on_scale, const ScalePaths& paths);

}  // namespace purser::workloads
