#include "workloads/scale/scale.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "api/codec.h"
#include "workloads/pointer.h"

namespace purser::workloads {
namespace {

constexpr const char* kReplicas = "/spec/replicas";

Result<std::int32_t> ReadCount(simdjson::dom::element object, std::string_view pointer,
                               std::int32_t otherwise) {
  const auto value = At(object, Segments(pointer));
  if (!value || value->is_null()) return otherwise;
  std::int64_t number = 0;
  if (value->get(number) != simdjson::SUCCESS || number < 0 ||
      number > std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorCode::kInvalidArgument, std::string(pointer) + " is not a count of replicas");
  }
  return static_cast<std::int32_t>(number);
}

// What others write into a status is taken as far as it makes sense.
std::int32_t StatusCount(simdjson::dom::element object, std::string_view pointer) {
  const auto count = ReadCount(object, pointer, 0);
  return count ? *count : 0;
}

Result<Workload> DecodeScaled(simdjson::dom::element object, const ScalePaths& paths) {
  auto meta = api::DecodeObjectMeta(object);
  if (!meta) return meta.error();
  const auto replicas = ReadCount(object, paths.replicas, 1);
  if (!replicas) return replicas.error().WithContext(meta->key().ToString());
  Workload workload{std::move(meta).value(), *replicas};
  ReadManagers(object, paths.replicas, workload);
  ReadLabels(object, workload);
  workload.status_replicas = StatusCount(object, paths.status_replicas);
  workload.terminating_replicas = StatusCount(object, "/status/terminatingReplicas");
  if (const auto grace = ReadCount(object, "/spec/template/spec/terminationGracePeriodSeconds",
                                   workload.grace_seconds))
    workload.grace_seconds = *grace;
  std::int64_t observed = 0;
  if (object["status"]["observedGeneration"].get(observed) == simdjson::SUCCESS)
    workload.observed_generation = observed;
  return workload;
}

class Scale final : public Kind {
 public:
  Scale(kube::ResourceType type, ScalePaths paths, bool of_apps)
      : Kind(std::move(type), {}, true),
        paths_(std::move(paths)),
        replicas_(Segments(paths_.replicas)),
        of_apps_(of_apps) {}

  Result<Workload> Decode(simdjson::dom::element object) const override {
    auto workload = DecodeScaled(object, paths_);
    if (!workload) return workload;
    if (of_apps_) {
      workload->hides_terminating =
          type().kind == "Deployment" && workload->observed_generation > 0 &&
          object["status"]["terminatingReplicas"].error() != simdjson::SUCCESS;
      return workload;
    }
    auto details = std::make_shared<Details>();
    if (!At(object, replicas_)) details->value = "null";
    // Not of pods that are about to end; they are looked at.
    std::string_view selector;
    if (!paths_.selector.empty()) {
      const auto told = At(object, Segments(paths_.selector));
      if (told && told->get(selector) == simdjson::SUCCESS) details->pods = selector;
    }
    ReadOrigin(object, *details);
    workload->details = std::move(details);
    return workload;
  }

  void Put(const WorkloadPlan& plan, nlohmann::json& patch) const override {
    if (plan.kind == PlanKind::kRestore && plan.value == "null") {
      PutAt(patch, replicas_, nullptr);
    } else {
      PutAt(patch, replicas_, *plan.replicas);
    }
  }

 private:
  const ScalePaths paths_;
  const std::vector<std::string> replicas_;
  const bool of_apps_;
};

}  // namespace

KindPointer MakeAppsKind(kube::ResourceType type) {
  return std::make_shared<Scale>(std::move(type), ScalePaths{kReplicas}, true);
}

KindPointer MakeScaleKind(kube::ResourceType type, ScalePaths paths) {
  return std::make_shared<Scale>(std::move(type), std::move(paths), false);
}

Result<Workload> DecodeWorkload(simdjson::dom::element object) {
  static const ScalePaths paths;
  return DecodeScaled(object, paths);
}

}  // namespace purser::workloads
