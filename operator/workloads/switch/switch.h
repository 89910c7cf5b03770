// Kinds that a field of theirs stops: no replicas, but a value when stopped and another when not.
#pragma once

#include <string>

#include "workloads/kind.h"

namespace purser::workloads {

// `pods`: label of its pods whose value is the object's name; empty: those that it owns.
KindPointer MakeSwitchKind(kube::ResourceType type, Toggle toggle, std::string pods);

// Metadata, and what the switch says, for the kinds that are stopped so. Error kInvalidArgument:
// not an object with metadata, or what stands there is no boolean, number or text.
Result<Workload> DecodeSwitched(simdjson::dom::element object, const Toggle& toggle,
                                Details& details);
// Sets the switch as `plan` wants it.
void PutSwitch(const Toggle& toggle, const WorkloadPlan& plan, nlohmann::json& patch);

}  // namespace purser::workloads
