#include "workloads/switch/known.h"

#include <algorithm>

namespace purser::workloads {

const std::vector<KnownSwitch>& KnownSwitches() {
  static const std::vector<KnownSwitch> known = {
      {"agents.x-k8s.io", "Sandbox", "/spec/operatingMode", R"("Suspended")"},
      {"argoproj.io", "CronWorkflow", "/spec/suspend", "true"},
      {"argoproj.io", "Workflow", "/spec/suspend", "true", "workflows.argoproj.io/workflow"},
      {"jobset.x-k8s.io", "JobSet", "/spec/suspend", "true", "jobset.sigs.k8s.io/jobset-name"},
      {"keda.sh", "ScaledJob", "/metadata/annotations/autoscaling.keda.sh~1paused", R"("true")",
       "scaledjob.keda.sh/name"},
      {"kubeflow.org", "MPIJob", "/spec/runPolicy/suspend", "true"},
      {"kubeflow.org", "PyTorchJob", "/spec/runPolicy/suspend", "true"},
      {"openclaw.rocks", "OpenClawInstance", "/spec/suspended", "true"},
      {"ray.io", "RayCluster", "/spec/suspend", "true", "ray.io/cluster"},
      {"ray.io", "RayJob", "/spec/suspend", "true"},
      {"ray.io", "RayService", "/spec/suspend", "true"},
      {"serving.kserve.io", "InferenceService", "/spec/predictor/minReplicas", "0",
       "serving.kserve.io/inferenceservice"},
      {"sparkoperator.k8s.io", "SparkApplication", "/spec/suspend", "true",
       "sparkoperator.k8s.io/app-name"},
      {"trainer.kubeflow.org", "TrainJob", "/spec/suspend", "true"},
  };
  return known;
}

const KnownSwitch* FindSwitch(std::string_view group, std::string_view kind) {
  const auto& known = KnownSwitches();
  const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) {
    return one.group == group && one.kind == kind;
  });
  return found == known.end() ? nullptr : &*found;
}

}  // namespace purser::workloads
