#include "workloads/cron_job/cron_job.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "workloads/switch/switch.h"

namespace purser::workloads {
namespace {

class CronJob final : public Kind {
 public:
  CronJob() : Kind({"batch", "v1", "cronjobs", "CronJob"}, {"/spec/suspend", "true"}, false) {}

  Result<Workload> Decode(simdjson::dom::element object) const override {
    auto details = std::make_shared<Details>();
    auto workload = DecodeSwitched(object, toggle(), *details);
    if (!workload) return workload;
    details->tells_running = true;
    details->runs_jobs = true;
    simdjson::dom::array active;
    if (object["status"]["active"].get(active) == simdjson::SUCCESS)
      workload->status_replicas = static_cast<std::int32_t>(active.size());
    workload->details = std::move(details);
    return workload;
  }

  void Put(const WorkloadPlan& plan, nlohmann::json& patch) const override {
    patch["spec"]["suspend"] = *plan.replicas == 0;
  }
};

}  // namespace

KindPointer MakeCronJobKind() { return std::make_shared<CronJob>(); }

}  // namespace purser::workloads
