#include "controllers/agent_pool/contention.h"

#include <algorithm>
#include <utility>

namespace purser::controllers {

void Contention::Reversed(Timestamp now, std::string by, policy::Level level) {
  if (!reversals_.empty() && now - reversals_.back() >= kQuiet) {
    reversals_.clear();
    level_ = policy::Level::kNormal;
  }
  const bool contended = Contended(now);
  by_ = std::move(by);
  reversals_.push_back(now);
  if (reversals_.size() > kReversals) reversals_.pop_front();
  // A stronger ask begins with tries of its own.
  beyond_ = level > level_ || !contended ? 0 : beyond_ + 1;
  level_ = std::max(level_, level);
}

bool Contention::Contended(Timestamp now) const {
  return reversals_.size() == kReversals && now - reversals_.front() < kWithin && now < Ends();
}

Timestamp Contention::NextReassert(Timestamp now, policy::Level level) const {
  if (!Contended(now) || level > level_) return now;
  if (level < policy::Level::kStopped) return reversals_.back() + kBackoff;
  const Duration grown = kFirstStopBackoff * (1 << std::min(beyond_, 3));
  return reversals_.back() + std::min(grown, kLongestStopBackoff);
}

Timestamp Contention::Ends() const { return reversals_.back() + kQuiet; }

std::string WayOutOfContention(const std::string& manager, const std::string& kind,
                               const std::optional<Autoscaler>& autoscaler) {
  const auto from = [&](std::string_view name) { return manager.starts_with(name); };
  const bool known = autoscaler.has_value();
  const std::string bounds =
      known && !autoscaler->bounds.empty() ? " (" + autoscaler->bounds + ")" : "";
  if (from("argocd")) {
    return "Argo CD applies it: add to its Application spec.ignoreDifferences: [{group: apps, "
           "kind: " +
           kind +
           ", jsonPointers: [/spec/replicas]}] and the sync option RespectIgnoreDifferences=true";
  }
  if (from("kustomize-controller") || from("helm-controller")) {
    return "Flux applies it: take spec.replicas out of what it applies, or run flux suspend while "
           "the budget is short";
  }
  if (from("keda") || (known && autoscaler->kind == Autoscaler::Kind::kScaledObject)) {
    return "KEDA scales it: annotate " +
           (known ? "ScaledObject " + autoscaler->name + bounds : std::string("its ScaledObject")) +
           " with autoscaling.keda.sh/paused: \"true\" while the budget is short";
  }
  if (known || from("kube-controller-manager") || from("horizontal-pod-autoscaler") ||
      from("hpa")) {
    return (known ? "HorizontalPodAutoscaler " + autoscaler->name + bounds
                  : std::string("a HorizontalPodAutoscaler")) +
           " scales it: lower its minReplicas and maxReplicas to what the budget leaves, or delete "
           "it while the budget is short; the original stays what it was";
  }
  return "have it leave spec.replicas of this " + kind +
         " alone, pause it while the budget is short, or set spec.scaling.onStop and onThrottle to "
         "Keep";
}

}  // namespace purser::controllers
