#include "workloads/job/job.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "workloads/switch/switch.h"

namespace purser::workloads {
namespace {

std::int32_t Count(simdjson::dom::element object, const char* field) {
  std::int64_t number = 0;
  if (object["status"][field].get(number) != simdjson::SUCCESS) return 0;
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(number, 0, kMost));
}

bool Holds(simdjson::dom::element object, std::string_view condition) {
  simdjson::dom::array conditions;
  if (object["status"]["conditions"].get(conditions) != simdjson::SUCCESS) return false;
  for (const auto one : conditions) {
    std::string_view type, status;
    if (one["type"].get(type) == simdjson::SUCCESS && type == condition &&
        one["status"].get(status) == simdjson::SUCCESS && status == "True")
      return true;
  }
  return false;
}

class Job final : public Kind {
 public:
  Job() : Kind({"batch", "v1", "jobs", "Job"}, {"/spec/suspend", "true"}, false) {}

  Result<Workload> Decode(simdjson::dom::element object) const override {
    auto details = std::make_shared<Details>();
    auto workload = DecodeSwitched(object, toggle(), *details);
    if (!workload) return workload;
    details->finished = Holds(object, "Complete") || Holds(object, "Failed");
    if (details->finished) workload->replicas = 0;
    // Also one that has just been made suspended has no pod; only its controller's word counts.
    details->settled = details->finished || Holds(object, "Suspended");
    details->tells_running = true;
    workload->status_replicas = Count(object, "active");
    workload->terminating_replicas = Count(object, "terminating");
    workload->details = std::move(details);
    return workload;
  }

  void Put(const WorkloadPlan& plan, nlohmann::json& patch) const override {
    patch["spec"]["suspend"] = *plan.replicas == 0;
  }
};

}  // namespace

KindPointer MakeJobKind() { return std::make_shared<Job>(); }

}  // namespace purser::workloads
