#include "workloads/scale_actuator.h"

#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "api/codec.h"

namespace purser::workloads {
namespace {

std::string Named(const kube::ResourceType& type, const Workload& workload) {
  return type.kind + " " + workload.meta.key().ToString();
}

// The metadata of an answer. Also of a Scale: its resourceVersion is the workload's.
Result<kube::ObjectMeta> MetaOf(const std::string& answer, const std::string& what) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(answer).get(document) != simdjson::SUCCESS)
    return Error(ErrorCode::kCorrupt, what + ": the answer to the patch is not JSON");
  auto meta = api::DecodeObjectMeta(document);
  if (!meta) return meta.error().WithContext(what);
  return meta;
}

// The API server merges strategically what it knows itself, which is cheaper for it.
Result<std::string> Patch(kube::Client& client, const Kind& kind, const Workload& workload,
                          const std::string& patch) {
  const auto path = kube::ObjectPath(kind.type(), workload.meta.key());
  return kind.built_in() ? client.StrategicMergePatch(path, patch) : client.MergePatch(path, patch);
}

Workload With(const Kind& kind, Workload workload, const WorkloadPlan& plan) {
  if (!plan.replicas) return workload;
  workload.replicas = *plan.replicas;
  if (workload.details) {
    auto details = std::make_shared<Details>(*workload.details);
    // What its controller makes of it, and which pods are left, is to be seen first.
    details->settled = details->settled && details->finished;
    if (!kind.toggle().path.empty()) {
      details->value = *plan.replicas == 0 ? kind.toggle().stopped : plan.value;
    } else {
      details->value = plan.kind == PlanKind::kRestore ? plan.value : "";
    }
    workload.details = std::move(details);
  }
  workload.replicas_manager = kube::kFieldManager;
  workload.owns_replicas = true;
  return workload;
}

SavedCopies CopiesOf(const Workload& workload, const std::optional<Saved>& known) {
  const auto found = workload.meta.annotations.find(std::string(kSavedAnnotation));
  std::optional<std::string_view> annotation;
  if (found != workload.meta.annotations.end()) annotation = found->second;
  return Compare(annotation, known, workload.meta.uid);
}

}  // namespace

std::string PatchOf(const Kind& kind, const Workload& workload, const WorkloadPlan& plan) {
  nlohmann::json patch;
  auto& metadata = patch["metadata"];
  metadata["resourceVersion"] = workload.meta.resource_version;
  const std::string annotation(kSavedAnnotation);
  if (plan.patch_saved) {
    metadata["annotations"][annotation] = plan.patch_saved->Encode();
  } else if (plan.kind == PlanKind::kRestore || plan.kind == PlanKind::kForget) {
    metadata["annotations"][annotation] = nullptr;
  }
  if (plan.replicas) kind.Put(plan, patch);
  return patch.dump();
}

Result<Workload> Actuate(kube::Client& client, const Kind& kind, const Workload& workload,
                         const WorkloadPlan& plan) {
  const std::string what = Named(kind.type(), workload);
  const auto answer = Patch(client, kind, workload, PatchOf(kind, workload, plan));
  if (!answer) return answer.error().WithContext(what);
  auto meta = MetaOf(*answer, what);
  if (!meta) return meta.error();
  Workload scaled = With(kind, workload, plan);
  scaled.meta = std::move(meta).value();
  return scaled;
}

Result<Workload> ActuateScale(kube::Client& client, const Kind& kind, const Workload& workload,
                              const WorkloadPlan& plan) {
  const auto& type = kind.type();
  const std::string what = Named(type, workload) + "/scale";
  const nlohmann::json patch{{"metadata", {{"resourceVersion", workload.meta.resource_version}}},
                             {"spec", {{"replicas", *plan.replicas}}}};
  const auto answer =
      client.MergePatch(kube::ObjectPath(type, workload.meta.key(), "scale"), patch.dump());
  if (!answer) return answer.error().WithContext(what);
  const auto meta = MetaOf(*answer, what);
  if (!meta) return meta.error();
  Workload scaled = With(kind, workload, plan);
  scaled.meta.resource_version = meta->resource_version;
  ++scaled.meta.generation;  // which a Scale does not tell
  return scaled;
}

bool MayTryScale(const Kind& kind, const Error& error) { return kind.on_scale() && Refuses(error); }

bool Refuses(const Error& error) {
  return error.code() == ErrorCode::kInvalidArgument ||
         error.code() == ErrorCode::kPermissionDenied || error.code() == ErrorCode::kUnavailable;
}

Result<std::optional<Workload>> DropOwnership(kube::Client& client, const Kind& kind,
                                              const Workload& workload) {
  const std::string what = Named(kind.type(), workload);
  // A patch that changes nothing answers with the whole of managedFields.
  const auto answer = Patch(client, kind, workload, "{}");
  if (!answer) return answer.error().WithContext(what);
  const auto document = nlohmann::json::parse(*answer, nullptr, false);
  const auto metadata = document.is_object() ? document.value("metadata", nlohmann::json::object())
                                             : nlohmann::json::object();
  const auto entries = metadata.find("managedFields");
  if (entries == metadata.end() || !entries->is_array()) return std::optional<Workload>();
  nlohmann::json others = nlohmann::json::array();
  for (const auto& entry : *entries) {
    if (entry.is_object() && entry.value("manager", "") != kube::kFieldManager)
      others.push_back(entry);
  }
  // An empty list means nothing to the API server; somebody made the object, so there is none.
  if (others.size() == entries->size() || others.empty()) return std::optional<Workload>();
  const nlohmann::json patch{
      {"metadata",
       {{"resourceVersion", metadata.value("resourceVersion", "")}, {"managedFields", others}}}};
  const auto dropped = Patch(client, kind, workload, patch.dump());
  if (!dropped) return dropped.error().WithContext(what);
  auto meta = MetaOf(*dropped, what);
  if (!meta) return meta.error();
  Workload without = workload;
  without.meta = std::move(meta).value();
  without.owns_replicas = false;
  if (without.replicas_manager == kube::kFieldManager) without.replicas_manager.clear();
  return std::optional(std::move(without));
}

KnownState StateOf(const Kind& kind, const Workload& workload, const std::optional<Saved>& known) {
  KnownState result;
  auto& state = result.state;
  state.live = workload.replicas;
  state.toggle = kind.toggle();
  if (workload.details) state.value = workload.details->value;
  if (workload.replicas_manager != kube::kFieldManager)
    state.changed_by = workload.replicas_manager;
  auto copies = CopiesOf(workload, known);
  state.saved = std::move(copies.saved);
  if (state.saved) state.saved->toggle = kind.toggle();
  state.annotated = copies.annotated;
  result.doubt = std::move(copies.doubt);
  return result;
}

std::optional<Saved> SavedOn(const Workload& workload) {
  return CopiesOf(workload, std::nullopt).saved;
}

}  // namespace purser::workloads
