// A Deployment or StatefulSet in JSON with its annotation, and what is planned for it.
#include "workloads/scale/scale.h"

#include "fuzz/json.h"
#include "fuzz/target.h"
#include "workloads/workload_plan.h"

namespace purser::fuzz {
namespace {

using policy::Level;
using workloads::PlanKind;

void CheckPlan(const workloads::WorkloadState& state, Level level) {
  constexpr std::int32_t kMaximum = 20;
  workloads::WorkloadAsk ask;
  ask.level = level;
  ask.concurrency = 7;
  ask.maximum = kMaximum;
  ask.pool = "research";
  const auto plan = workloads::PlanWorkload(state, ask, {});
  if (plan.replicas) {
    Require(*plan.replicas >= 0, "replicas asked for are a count");
    Require(plan.kind != PlanKind::kNothing && plan.kind != PlanKind::kForget,
            "replicas are set only to take or to give back");
  }
  if (plan.kind == PlanKind::kTake || plan.kind == PlanKind::kReassert) {
    Require(plan.replicas && plan.patch_saved, "what is taken is saved in the same patch");
    Require(*plan.replicas <= plan.patch_saved->replicas, "never more than the original");
    Require(plan.patch_saved->set == *plan.replicas, "what is set is what is saved as set");
  }
  if (plan.kind == PlanKind::kRestore) {
    Require(state.saved.has_value(), "only what is saved is given back");
    Require(plan.replicas.value_or(state.live) == state.saved->replicas,
            "the original is given back");
  }
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser;
  fuzz::WithJson(fuzz::TextOf(data, size), [](simdjson::dom::element document) {
    const auto workload = workloads::DecodeWorkload(document);
    if (!workload) return;
    fuzz::Require(workload->replicas >= 0, "replicas are a count");
    workloads::WorkloadState state{workload->replicas, std::nullopt, workload->replicas_manager};
    const auto& annotations = workload->meta.annotations;
    const auto found = annotations.find(std::string(workloads::kSavedAnnotation));
    if (found != annotations.end()) {
      auto saved = workloads::Saved::Decode(found->second);
      if (!saved) return;
      state.saved = std::move(saved).value();
    }
    for (const auto level :
         {policy::Level::kNormal, policy::Level::kThrottled, policy::Level::kStopped}) {
      fuzz::CheckPlan(state, level);
    }
  });
  return 0;
}
