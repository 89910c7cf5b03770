// One kind of workload behind one interface: how its state is read, and how a plan becomes a patch.
#pragma once

#include <simdjson.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "kube/client.h"
#include "workloads/workload.h"
#include "workloads/workload_plan.h"

namespace purser::workloads {

// Immutable; thread-safe.
class Kind {
 public:
  // `toggle`: how a plan speaks of what it changes. `on_scale`: it has the subresource.
  Kind(kube::ResourceType type, Toggle toggle, bool on_scale);
  virtual ~Kind() = default;
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;

  const kube::ResourceType& type() const { return type_; }
  // "Deployment" (of apps and batch); "Sandbox.agents.x-k8s.io".
  const std::string& id() const { return id_; }
  const Toggle& toggle() const { return toggle_; }
  // Whether replicas may also be set through the subresource scale.
  bool on_scale() const { return on_scale_; }
  // Whether it is built into the API server, which then takes strategic merge patches.
  bool built_in() const;

  // Error kInvalidArgument: not an object with metadata, or what is scaled is not what it should
  // be.
  virtual Result<Workload> Decode(simdjson::dom::element object) const = 0;

  // Puts what `plan` sets into a merge patch of the object; plan.replicas is given.
  virtual void Put(const WorkloadPlan& plan, nlohmann::json& patch) const = 0;

 private:
  kube::ResourceType type_;
  std::string id_;
  Toggle toggle_;
  bool on_scale_;
};

using KindPointer = std::shared_ptr<const Kind>;

// The id of a kind: by its name alone where it comes with Kubernetes, else "Kind.group".
std::string KindId(std::string_view api_version, std::string_view kind);

// Who set the field at `pointer`, as metadata.managedFields tells it, into `workload`.
void ReadManagers(simdjson::dom::element object, std::string_view pointer, Workload& workload);

// The uid of the controlling owner, into `details`.
void ReadOrigin(simdjson::dom::element object, Details& details);

// metadata.labels, into `workload`.
void ReadLabels(simdjson::dom::element object, Workload& workload);

}  // namespace purser::workloads
