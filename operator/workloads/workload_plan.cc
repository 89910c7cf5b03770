#include "workloads/workload_plan.h"

#include <algorithm>
#include <array>

namespace purser::workloads {
namespace {

// "replicas 5 -> 0", "/spec/suspend false -> true". `value`: of the toggle when not stopped.
std::string Change(const Toggle& toggle, const std::string& value, std::int32_t from,
                   std::int32_t to) {
  if (toggle.path.empty()) return "replicas " + std::to_string(from) + " -> " + std::to_string(to);
  const auto said = [&](std::int32_t replicas) { return replicas == 0 ? toggle.stopped : value; };
  return toggle.path + " " + said(from) + " -> " + said(to);
}

// "5 replicas", "/spec/suspend false": what will be restored.
std::string Original(const Saved& saved) {
  if (saved.toggle.path.empty()) return std::to_string(saved.replicas) + " replicas";
  return saved.toggle.path + " " + (saved.replicas == 0 ? saved.toggle.stopped : saved.value);
}

std::string ChangerName(const WorkloadState& state) {
  return state.changed_by.empty() ? "somebody else" : state.changed_by;
}

WorkloadPlan Restore(const WorkloadState& state) {
  const auto& saved = *state.saved;
  WorkloadPlan plan;
  if (state.live != saved.set && !state.contended) {
    plan.kind = PlanKind::kForget;
    plan.explanation =
        saved.toggle.path.empty()
            ? "replicas left at " + std::to_string(state.live) + ": changed by " +
                  ChangerName(state) + " since " + std::to_string(saved.set) + " was set (" +
                  std::to_string(saved.replicas) + " before)"
            : saved.toggle.path + " left at " + state.value + ": changed by " + ChangerName(state);
    return plan;
  }
  plan.kind = PlanKind::kRestore;
  plan.explanation = Change(saved.toggle, saved.value, state.live, saved.replicas) + " (restored)";
  plan.value = saved.value;
  if (saved.replicas != state.live) plan.replicas = saved.replicas;
  return plan;
}

WorkloadPlan Set(PlanKind kind, std::int32_t from, std::int32_t to, Saved saved) {
  WorkloadPlan plan;
  plan.kind = kind;
  plan.replicas = to;
  plan.value = saved.value;
  plan.explanation = Change(saved.toggle, saved.value, from, to);
  saved.set = to;
  plan.patch_saved = std::move(saved);
  return plan;
}

bool Asks(const WorkloadAsk& ask, const api::ScalingSpec& scaling) {
  if (ask.level == policy::Level::kStopped) return scaling.on_stop == api::OnStop::kZero;
  return ask.level == policy::Level::kThrottled &&
         scaling.on_throttle == api::OnThrottle::kProportional;
}

// What all pools together ask of the workload.
class Demand {
 public:
  Demand(const WorkloadAsk& ask, const api::ScalingSpec& scaling,
         const std::vector<OtherAsk>& others) {
    Add(ask, scaling);
    for (const auto& other : others) Add(other.ask, other.scaling);
  }
  bool Any() const { return !asks_.empty(); }
  bool may_relax() const { return may_relax_; }
  // Whether a stop waits for work in flight.
  bool Draining() const {
    return std::any_of(asks_.begin(), asks_.end(), [](const auto& one) { return Waits(*one.ask); });
  }
  // Replicas asked for now; `original` when the only ask waits.
  std::int32_t Wanted(std::int32_t original) const {
    std::int32_t wanted = original;
    for (const auto& [ask, scaling] : asks_) {
      if (Waits(*ask)) continue;
      wanted = std::min(
          wanted, DesiredReplicas(ask->level, original, ask->concurrency, ask->maximum, *scaling));
    }
    return wanted;
  }

 private:
  struct One {
    const WorkloadAsk* ask;
    const api::ScalingSpec* scaling;
  };
  static bool Waits(const WorkloadAsk& ask) {
    return ask.level == policy::Level::kStopped && !ask.drained;
  }
  void Add(const WorkloadAsk& ask, const api::ScalingSpec& scaling) {
    if (!ask.may_relax) may_relax_ = false;
    if (Asks(ask, scaling)) asks_.push_back({&ask, &scaling});
  }

  std::vector<One> asks_;
  bool may_relax_ = true;
};

// The original after what somebody did since we set `saved.set`.
Saved Adopted(const WorkloadState& state) {
  Saved saved = *state.saved;
  const bool raised = state.live > saved.set && state.annotated && !state.autoscaled &&
                      ChangerOf(state.changed_by) == Changer::kPerson;
  if (state.live < saved.set || raised) {
    saved.replicas = state.live;
    if (state.live > 0) saved.value = state.value;
  }
  return saved;
}

// Live is above what is asked, and something of it is saved.
WorkloadPlan Lower(const WorkloadState& state, const Demand& demand) {
  const Saved saved = Adopted(state);
  const auto wanted = demand.Wanted(saved.replicas);
  if (state.live <= state.saved->set)
    return Set(PlanKind::kTake, state.live, std::min(wanted, state.live), saved);
  auto plan = Set(PlanKind::kReassert, state.live, std::min(wanted, state.live), saved);
  plan.explanation += " again, raised by " + ChangerName(state);
  if (saved.replicas != state.saved->replicas || saved.value != state.saved->value) {
    plan.explanation +=
        "; " + (saved.toggle.path.empty() ? std::to_string(saved.replicas) : Original(saved)) +
        " will be restored";
  }
  return plan;
}

}  // namespace

Changer ChangerOf(std::string_view manager) {
  if (manager.empty()) return Changer::kUnknown;
  // The controller manager scales for HorizontalPodAutoscalers.
  constexpr std::array<std::string_view, 5> kAutoscalers = {
      "kube-controller-manager", "horizontal-pod-autoscaler", "hpa", "keda", "autoscaler"};
  const bool autoscaler =
      std::any_of(kAutoscalers.begin(), kAutoscalers.end(),
                  [&](std::string_view name) { return manager.starts_with(name); });
  return autoscaler ? Changer::kAutoscaler : Changer::kPerson;
}

std::int32_t DesiredReplicas(policy::Level level, std::int32_t original, std::int32_t concurrency,
                             std::int32_t maximum, const api::ScalingSpec& scaling) {
  if (level == policy::Level::kStopped) return scaling.on_stop == api::OnStop::kZero ? 0 : original;
  if (level != policy::Level::kThrottled || scaling.on_throttle == api::OnThrottle::kKeep ||
      maximum <= 0)
    return original;
  const auto product = std::int64_t{original} * std::clamp(concurrency, 0, maximum);
  const auto proportional = static_cast<std::int32_t>((product + maximum - 1) / maximum);
  return std::clamp(proportional, std::min(scaling.min_replicas, original), original);
}

WorkloadPlan PlanWorkload(const WorkloadState& state, const WorkloadAsk& ask,
                          const api::ScalingSpec& scaling, const std::vector<OtherAsk>& others) {
  const Demand demand(ask, scaling, others);
  WorkloadPlan nothing;
  if (!demand.Any()) {
    if (!state.saved) return nothing;
    if (demand.may_relax()) return Restore(state);
    nothing.explanation = "held until spend is readable again";
    return nothing;
  }

  if (!state.saved) {
    const auto wanted = demand.Wanted(state.live);
    if (state.live > wanted) {
      Saved original{state.live, wanted, ask.pool, ask.pool_uid};
      original.value = state.value;
      original.toggle = state.toggle;
      return Set(PlanKind::kTake, state.live, wanted, std::move(original));
    }
    // Already where it is asked to be, by somebody's own choice: theirs to keep.
    if (demand.Draining()) nothing.explanation = "draining";
    return nothing;
  }

  const auto& saved = *state.saved;
  const auto wanted = demand.Wanted(saved.replicas);
  if (demand.Draining() && wanted == saved.replicas) {
    nothing.explanation = "draining";
  } else if (state.live > wanted) {
    return Lower(state, demand);
  } else if (state.live < wanted && state.live == saved.set && demand.may_relax() &&
             !demand.Draining()) {
    // Restore a part, unless somebody went lower than we did.
    if (wanted == saved.replicas) return Restore(state);
    return Set(PlanKind::kTake, state.live, wanted, saved);
  }
  if (state.annotated) return nothing;
  WorkloadPlan plan;
  plan.kind = PlanKind::kRemember;
  plan.patch_saved = saved;
  plan.explanation = Original(saved) + " will be restored, written again";
  return plan;
}

}  // namespace purser::workloads
