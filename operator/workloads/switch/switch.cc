#include "workloads/switch/switch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/codec.h"
#include "workloads/pointer.h"

namespace purser::workloads {
namespace {

constexpr std::size_t kLongestValue = 512;  // bytes of JSON

class Switch final : public Kind {
 public:
  Switch(kube::ResourceType type, Toggle toggle, std::string pods)
      : Kind(std::move(type), std::move(toggle), false), pods_(std::move(pods)) {}

  Result<Workload> Decode(simdjson::dom::element object) const override {
    auto details = std::make_shared<Details>();
    auto workload = DecodeSwitched(object, toggle(), *details);
    if (!workload) return workload;
    if (!pods_.empty()) details->pods = pods_ + "=" + workload->meta.name;
    std::int64_t observed = 0;
    if (object["status"]["observedGeneration"].get(observed) == simdjson::SUCCESS)
      workload->observed_generation = observed;
    workload->details = std::move(details);
    return workload;
  }

  void Put(const WorkloadPlan& plan, nlohmann::json& patch) const override {
    PutSwitch(toggle(), plan, patch);
  }

 private:
  const std::string pods_;
};

}  // namespace

KindPointer MakeSwitchKind(kube::ResourceType type, Toggle toggle, std::string pods) {
  return std::make_shared<Switch>(std::move(type), std::move(toggle), std::move(pods));
}

Result<Workload> DecodeSwitched(simdjson::dom::element object, const Toggle& toggle,
                                Details& details) {
  auto meta = api::DecodeObjectMeta(object);
  if (!meta) return meta.error();
  Workload workload{std::move(meta).value(), 1};
  const auto value = At(object, Segments(toggle.path));
  details.value = "null";
  if (value) {
    details.value = simdjson::minify(*value);
    if (value->is_object() || value->is_array() || details.value.size() > kLongestValue) {
      return Error(ErrorCode::kInvalidArgument,
                   workload.meta.key().ToString() + ": " + toggle.path +
                       " is not a boolean, a number or a text of up to 512 bytes");
    }
  }
  if (details.value == toggle.stopped) workload.replicas = 0;
  ReadManagers(object, toggle.path, workload);
  ReadOrigin(object, details);
  ReadLabels(object, workload);
  return workload;
}

void PutSwitch(const Toggle& toggle, const WorkloadPlan& plan, nlohmann::json& patch) {
  auto value =
      nlohmann::json::parse(*plan.replicas == 0 ? toggle.stopped : plan.value, nullptr, false);
  if (value.is_discarded()) value = nullptr;
  PutAt(patch, Segments(toggle.path), std::move(value));
}

}  // namespace purser::workloads
