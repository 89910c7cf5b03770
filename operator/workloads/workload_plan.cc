#include "workloads/workload_plan.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace purser::workloads {
namespace {

constexpr std::size_t kMaxSavedBytes = 1024;

std::string Change(std::int32_t from, std::int32_t to) {
  return "replicas " + std::to_string(from) + " -> " + std::to_string(to);
}

std::string Changer(const WorkloadState& state) {
  return state.changed_by.empty() ? "somebody else" : state.changed_by;
}

WorkloadPlan GiveBack(const WorkloadState& state) {
  const auto& saved = *state.saved;
  WorkloadPlan plan;
  if (state.live != saved.set) {
    plan.kind = PlanKind::kForget;
    plan.explanation = "replicas left at " + std::to_string(state.live) + ": changed by " +
                       Changer(state) + " since " + std::to_string(saved.set) + " was set (" +
                       std::to_string(saved.replicas) + " before)";
    return plan;
  }
  plan.kind = PlanKind::kRestore;
  plan.explanation = Change(state.live, saved.replicas) + " (restored)";
  if (saved.replicas != state.live) plan.replicas = saved.replicas;
  return plan;
}

WorkloadPlan Set(PlanKind kind, std::int32_t from, std::int32_t to, Saved saved) {
  WorkloadPlan plan;
  plan.kind = kind;
  plan.replicas = to;
  saved.set = to;
  plan.patch_saved = std::move(saved);
  plan.explanation = Change(from, to);
  return plan;
}

bool Asks(const WorkloadAsk& ask, const api::ScalingSpec& scaling) {
  if (ask.level == policy::Level::kStopped) return scaling.on_stop == api::OnStop::kZero;
  return ask.level == policy::Level::kThrottled &&
         scaling.on_throttle == api::OnThrottle::kProportional;
}

}  // namespace

std::string Saved::Encode() const {
  return nlohmann::ordered_json{
      {"replicas", replicas}, {"set", set}, {"pool", pool}, {"poolUID", pool_uid}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Saved> Saved::Decode(std::string_view text) {
  const auto corrupt = [](const std::string& what) { return Error(ErrorCode::kCorrupt, what); };
  if (text.size() > kMaxSavedBytes) return corrupt("larger than 1 KiB");
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object()) return corrupt("not a JSON object");
  const auto count = [&](const char* name) -> std::optional<std::int32_t> {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_number_integer()) return std::nullopt;
    const auto value = found->is_number_unsigned() && found->get<std::uint64_t>() >
                                                          std::numeric_limits<std::int32_t>::max()
                           ? std::int64_t{-1}
                           : found->get<std::int64_t>();
    if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    return static_cast<std::int32_t>(value);
  };
  const auto word = [&](const char* name) -> std::optional<std::string> {
    const auto found = document.find(name);
    if (found == document.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  const auto replicas = count("replicas");
  const auto set = count("set");
  const auto pool = word("pool");
  const auto uid = word("poolUID");
  if (!replicas || !set) return corrupt("replicas and set must be counts of replicas");
  if (!pool || pool->empty() || !uid) return corrupt("pool and poolUID must be strings");
  return Saved{*replicas, *set, *pool, *uid};
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
                          const api::ScalingSpec& scaling) {
  WorkloadPlan nothing;
  if (state.saved && state.saved->pool != ask.pool) {
    nothing.explanation =
        "held by AgentPool " + state.saved->pool + ": a workload belongs to one pool";
    return nothing;
  }
  if (!Asks(ask, scaling)) {
    if (!state.saved) return nothing;
    if (!ask.may_relax) {
      nothing.explanation = "held until spend is readable again";
      return nothing;
    }
    return GiveBack(state);
  }

  const std::int32_t original = state.saved ? state.saved->replicas : state.live;
  const std::int32_t wanted =
      DesiredReplicas(ask.level, original, ask.concurrency, ask.maximum, scaling);
  if (ask.level == policy::Level::kStopped && !ask.drained && state.live > wanted) {
    nothing.explanation = "draining";
    return nothing;
  }
  if (!state.saved) {
    // Already where it is asked to be, by somebody's own choice: theirs to keep.
    if (state.live <= wanted) return nothing;
    return Set(PlanKind::kTake, state.live, wanted,
               Saved{state.live, wanted, ask.pool, ask.pool_uid});
  }
  if (state.live > state.saved->set && state.live > wanted) {
    auto plan = Set(PlanKind::kReassert, state.live, wanted, *state.saved);
    plan.explanation += " again, raised by " + Changer(state);
    return plan;
  }
  if (state.live > wanted) {
    // Whoever went lower than we did chose a new original: theirs is what is given back.
    Saved saved = *state.saved;
    std::int32_t target = wanted;
    if (state.live < saved.set) {
      saved.replicas = state.live;
      target = DesiredReplicas(ask.level, state.live, ask.concurrency, ask.maximum, scaling);
    }
    return Set(PlanKind::kTake, state.live, target, std::move(saved));
  }
  // Give back a part, unless somebody went lower than we did.
  if (state.live < wanted && state.live == state.saved->set && ask.may_relax) {
    if (wanted == original) return GiveBack(state);
    return Set(PlanKind::kTake, state.live, wanted, *state.saved);
  }
  return nothing;
}

}  // namespace purser::workloads
