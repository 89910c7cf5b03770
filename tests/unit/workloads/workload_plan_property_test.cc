// Random histories of one workload: asks, people and autoscalers changing replicas, sources lost
// and found.
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "workloads/workload_plan.h"

namespace purser::workloads {
namespace {

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    state_.live = Draw(0, 12);
    scaling_.min_replicas = Draw(0, 3);
    if (Draw(0, 4) == 0) scaling_.on_throttle = api::OnThrottle::kKeep;
    if (Draw(0, 6) == 0) scaling_.on_stop = api::OnStop::kKeep;
    told_ << "seed " << seed << ", starts at " << state_.live;
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
      if (Draw(0, 4) == 0) SomebodySets(Draw(0, 12));
      Reconcile(RandomAsk());
    }
    if (!testing::Test::HasFatalFailure()) End();
  }

 private:
  std::int32_t Draw(std::int32_t low, std::int32_t high) {
    return std::uniform_int_distribution<std::int32_t>(low, high)(random_);
  }

  WorkloadAsk RandomAsk() {
    static constexpr policy::Level kLevels[] = {
        policy::Level::kNormal,    policy::Level::kWarning,      policy::Level::kThrottled,
        policy::Level::kThrottled, policy::Level::kRefusingWork, policy::Level::kStopped};
    WorkloadAsk ask;
    ask.level = kLevels[Draw(0, 5)];
    ask.maximum = 20;
    ask.concurrency = ask.level == policy::Level::kStopped ? 0 : Draw(1, 20);
    ask.may_relax = Draw(0, 4) != 0;
    ask.drained = Draw(0, 3) != 0;
    ask.pool = "research";
    ask.pool_uid = "uid";
    return ask;
  }

  void SomebodySets(std::int32_t replicas) {
    told_ << "; somebody sets " << replicas;
    state_.live = replicas;
    // A person's, an autoscaler's, or of whom nothing is known.
    static constexpr const char* kManagers[] = {"kubectl", "kube-controller-manager", ""};
    state_.changed_by = kManagers[Draw(0, 2)];
  }

  void Apply(const WorkloadPlan& plan) {
    if (plan.replicas) {
      state_.live = *plan.replicas;
      state_.changed_by.clear();
    }
    if (plan.patch_saved) state_.saved = plan.patch_saved;
    if (plan.kind == PlanKind::kRestore || plan.kind == PlanKind::kForget) state_.saved.reset();
  }

  void Reconcile(const WorkloadAsk& ask) {
    const auto before = state_;
    const auto plan = PlanWorkload(state_, ask, scaling_);
    Apply(plan);
    told_ << "; " << ToString(ask.level) << " " << ask.concurrency << (ask.may_relax ? "" : " held")
          << (ask.drained ? "" : " draining") << ": " << plan.explanation << " => " << state_.live;
    SCOPED_TRACE(told_.str());
    CheckStep(before, plan, ask);
    Model(before, plan);
    if (state_.saved) {
      ASSERT_EQ(state_.saved->replicas, original_) << "not what is to be restored";
    }

    // Reconciling an unchanged world writes nothing.
    ASSERT_EQ(PlanWorkload(state_, ask, scaling_).kind, PlanKind::kNothing);
  }

  // What has to be restored some day, by what was done and by whom alone (ADR 15): what was there
  // when it was first taken, then what a person set above what we had, or anybody below it.
  void Model(const WorkloadState& before, const WorkloadPlan& plan) {
    // Somebody was overruled, be it that what he set is what is asked of it.
    if (state_.live < before.live || plan.kind == PlanKind::kReassert) {
      const bool first = !ours_;
      const bool person = before.changed_by == "kubectl";
      if (first || before.live < *ours_ || (before.live > *ours_ && person))
        original_ = before.live;
    }
    if (plan.replicas) ours_ = state_.live;
    if (!state_.saved) ours_.reset();
  }

  void CheckStep(const WorkloadState& before, const WorkloadPlan& plan, const WorkloadAsk& ask) {
    const auto original = before.saved ? before.saved->replicas : before.live;
    if (plan.replicas) {
      ASSERT_LE(*plan.replicas, std::max(original, before.live)) << "above the original";
      ASSERT_GE(*plan.replicas, 0);
    }
    if (state_.live > before.live) {
      ASSERT_TRUE(ask.may_relax) << "gave back while spend is not readable";
      ASSERT_EQ(before.live, before.saved->set) << "undid somebody's change";
    }
    if (state_.live < before.live) {
      ASSERT_TRUE(state_.saved.has_value()) << "took without saving";
      ASSERT_EQ(state_.saved->set, state_.live);
    }
    if (before.saved && !state_.saved) {
      ASSERT_TRUE(ask.may_relax);
      ASSERT_TRUE(plan.kind == PlanKind::kRestore || plan.kind == PlanKind::kForget);
      if (plan.kind == PlanKind::kForget) {
        ASSERT_EQ(state_.live, before.live);
      }
      if (plan.kind == PlanKind::kRestore) {
        ASSERT_EQ(state_.live, original_) << "lost";
      }
    }
    const bool stops =
        ask.level == policy::Level::kStopped && scaling_.on_stop == api::OnStop::kZero;
    if (stops && ask.drained) {
      ASSERT_EQ(state_.live, 0) << "not stopped";
    }
  }

  // Nothing is asked any more: all is given back, once, and what somebody sets then is theirs.
  void End() {
    WorkloadAsk nothing;
    nothing.pool = "research";
    const auto want = ours_ && state_.live == *ours_ ? original_ : state_.live;
    Reconcile(nothing);
    SCOPED_TRACE(told_.str());
    ASSERT_FALSE(state_.saved.has_value());
    ASSERT_EQ(state_.live, want);
    for (int i = 0; i < 3; ++i) {
      const auto theirs = Draw(0, 12);
      SomebodySets(theirs);
      Reconcile(nothing);
      ASSERT_EQ(state_.live, theirs);
    }
  }

  std::mt19937_64 random_;
  WorkloadState state_;
  api::ScalingSpec scaling_;
  // The model: what is to be restored, and what we set last, while anything is taken.
  std::int32_t original_ = 0;
  std::optional<std::int32_t> ours_;
  std::ostringstream told_;
};

TEST(PlanWorkloadProperty, TheOriginalIsGivenBackOnceAndNobodyIsOverruledAfterwards) {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    History(seed).Run(12);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace purser::workloads
