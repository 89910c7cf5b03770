#include "workloads/workload_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace purser::workloads {
namespace {

using testing::HasSubstr;

constexpr api::ScalingSpec kDefaults{};
constexpr auto kProportional = api::OnThrottle::kProportional;

Saved SavedAs(std::int32_t replicas, std::int32_t set) {
  return {replicas, set, "research", "uid-1"};
}

struct AskBuilder {
  WorkloadAsk ask{policy::Level::kNormal, 20, 20, true, true, "research", "uid-1"};
  AskBuilder& At(policy::Level level) { return ask.level = level, *this; }
  AskBuilder& Concurrency(std::int32_t value) { return ask.concurrency = value, *this; }
  AskBuilder& Held() { return ask.may_relax = false, *this; }
  AskBuilder& Draining() { return ask.drained = false, *this; }
};

WorkloadAsk Normal() { return AskBuilder().ask; }
WorkloadAsk Stop() { return AskBuilder().At(policy::Level::kStopped).Concurrency(0).ask; }
WorkloadAsk Throttle(std::int32_t concurrency) {
  return AskBuilder().At(policy::Level::kThrottled).Concurrency(concurrency).ask;
}

struct Case {
  const char* name;
  std::int32_t live;
  std::optional<Saved> saved;
  WorkloadAsk ask;
  PlanKind want;
  std::optional<std::int32_t> want_replicas;
  std::optional<Saved> want_saved;
};

TEST(PlanWorkloadTest, Table) {
  const Case cases[] = {
      {"nothing asked, nothing saved", 5, {}, Normal(), PlanKind::kNothing, {}, {}},
      {"a warning asks nothing",
       5,
       {},
       AskBuilder().At(policy::Level::kWarning).ask,
       PlanKind::kNothing,
       {},
       {}},
      {"refusing work keeps replicas",
       5,
       {},
       AskBuilder().At(policy::Level::kRefusingWork).ask,
       PlanKind::kNothing,
       {},
       {}},
      {"refusing work gives back what a throttle took",
       2,
       SavedAs(5, 2),
       AskBuilder().At(policy::Level::kRefusingWork).ask,
       PlanKind::kRestore,
       5,
       {}},
      {"stop takes all", 5, {}, Stop(), PlanKind::kTake, 0, SavedAs(5, 0)},
      {"stop waits for the drain",
       5,
       {},
       AskBuilder().At(policy::Level::kStopped).Draining().ask,
       PlanKind::kNothing,
       {},
       {}},
      {"stop on somebody's own zero", 0, {}, Stop(), PlanKind::kNothing, {}, {}},
      {"stopped already", 0, SavedAs(5, 0), Stop(), PlanKind::kNothing, {}, {}},
      {"stopped already, drain not over",
       0,
       SavedAs(5, 0),
       AskBuilder().At(policy::Level::kStopped).Draining().ask,
       PlanKind::kNothing,
       {},
       {}},
      {"somebody raised while stopped", 3, SavedAs(5, 0), Stop(), PlanKind::kReassert, 0,
       SavedAs(5, 0)},
      {"throttle takes in proportion", 8, {}, Throttle(10), PlanKind::kTake, 4, SavedAs(8, 4)},
      {"throttle rounds up", 5, {}, Throttle(1), PlanKind::kTake, 1, SavedAs(5, 1)},
      {"throttle that takes nothing", 1, {}, Throttle(1), PlanKind::kNothing, {}, {}},
      {"throttle further", 4, SavedAs(8, 4), Throttle(5), PlanKind::kTake, 2, SavedAs(8, 2)},
      {"throttle eases: a part is given back", 2, SavedAs(8, 2), Throttle(10), PlanKind::kTake, 4,
       SavedAs(8, 4)},
      {"throttle eases to nothing: restored",
       2,
       SavedAs(8, 2),
       Throttle(20),
       PlanKind::kRestore,
       8,
       {}},
      {"throttle eases while spend is not readable",
       2,
       SavedAs(8, 2),
       AskBuilder().At(policy::Level::kThrottled).Concurrency(10).Held().ask,
       PlanKind::kNothing,
       {},
       {}},
      {"throttle tightens while spend is not readable", 4, SavedAs(8, 4),
       AskBuilder().At(policy::Level::kThrottled).Concurrency(5).Held().ask, PlanKind::kTake, 2,
       SavedAs(8, 2)},
      {"throttle to stop", 4, SavedAs(8, 4), Stop(), PlanKind::kTake, 0, SavedAs(8, 0)},
      {"stop to throttle", 0, SavedAs(8, 0), Throttle(10), PlanKind::kTake, 4, SavedAs(8, 4)},
      {"somebody raised while throttled", 6, SavedAs(8, 4), Throttle(10), PlanKind::kReassert, 4,
       SavedAs(8, 4)},
      {"somebody raised above the original", 20, SavedAs(8, 4), Throttle(10), PlanKind::kReassert,
       4, SavedAs(8, 4)},
      {"somebody went lower while throttled",
       1,
       SavedAs(8, 4),
       Throttle(10),
       PlanKind::kNothing,
       {},
       {}},
      {"somebody went lower, then stop: theirs is the original", 1, SavedAs(8, 4), Stop(),
       PlanKind::kTake, 0, SavedAs(1, 0)},
      {"released", 0, SavedAs(5, 0), Normal(), PlanKind::kRestore, 5, {}},
      {"released by a warning",
       0,
       SavedAs(5, 0),
       AskBuilder().At(policy::Level::kWarning).ask,
       PlanKind::kRestore,
       5,
       {}},
      {"released while spend is not readable",
       0,
       SavedAs(5, 0),
       AskBuilder().Held().ask,
       PlanKind::kNothing,
       {},
       {}},
      {"released after somebody changed it", 3, SavedAs(5, 0), Normal(), PlanKind::kForget, {}, {}},
      {"released after somebody set the original",
       5,
       SavedAs(5, 0),
       Normal(),
       PlanKind::kForget,
       {},
       {}},
      {"an annotation that took nothing", 5, SavedAs(5, 5), Normal(), PlanKind::kRestore, {}, {}},
      {"the pool was created anew",
       0,
       Saved{9, 0, "research", "uid-0"},
       Normal(),
       PlanKind::kRestore,
       9,
       {}},
  };
  for (const auto& c : cases) {
    const auto plan = PlanWorkload(WorkloadState{c.live, c.saved}, c.ask, kDefaults);
    EXPECT_EQ(plan.kind, c.want) << c.name << ": " << plan.explanation;
    EXPECT_EQ(plan.replicas, c.want_replicas) << c.name;
    EXPECT_EQ(plan.patch_saved, c.want_saved) << c.name;
  }
}

TEST(PlanWorkloadTest, KeepTakesNothingAndGivesBackWhatWasTaken) {
  const api::ScalingSpec keep{api::OnThrottle::kKeep, api::OnStop::kKeep, 1, 60};
  EXPECT_EQ(PlanWorkload(WorkloadState{5, {}}, Stop(), keep).kind, PlanKind::kNothing);
  EXPECT_EQ(PlanWorkload(WorkloadState{5, {}}, Throttle(1), keep).kind, PlanKind::kNothing);
  EXPECT_EQ(PlanWorkload(WorkloadState{0, SavedAs(5, 0)}, Stop(), keep).kind, PlanKind::kRestore);
}

TEST(PlanWorkloadTest, ExplainsItself) {
  EXPECT_EQ(PlanWorkload(WorkloadState{5, {}}, Stop(), kDefaults).explanation, "replicas 5 -> 0");
  EXPECT_EQ(PlanWorkload(WorkloadState{0, SavedAs(5, 0)}, Normal(), kDefaults).explanation,
            "replicas 0 -> 5 (restored)");
  EXPECT_EQ(PlanWorkload(WorkloadState{3, SavedAs(5, 0)}, Normal(), kDefaults).explanation,
            "replicas left at 3: changed by somebody else since 0 was set (5 before)");
  WorkloadState named{3, SavedAs(5, 0), "kubectl"};
  EXPECT_EQ(PlanWorkload(named, Normal(), {}).explanation,
            "replicas left at 3: changed by kubectl since 0 was set (5 before)");
  EXPECT_EQ(PlanWorkload(named, Stop(), {}).explanation,
            "replicas 3 -> 0 again, raised by kubectl; 3 will be restored");
  EXPECT_EQ(
      PlanWorkload(WorkloadState{0, SavedAs(5, 0)}, AskBuilder().Held().ask, kDefaults).explanation,
      "held until spend is readable again");
  EXPECT_EQ(PlanWorkload(WorkloadState{5, {}},
                         AskBuilder().At(policy::Level::kStopped).Draining().ask, kDefaults)
                .explanation,
            "draining");
}

TEST(PlanWorkloadTest, WhatSomebodyRaisesToIsRestored) {
  struct Raise {
    const char* manager;
    bool annotated;
    std::int32_t want;
  };
  const Raise cases[] = {
      {"kubectl", true, 8},           {"ci-deployer", true, 8},
      {"argocd-controller", true, 8}, {"kube-controller-manager", true, 5},
      {"keda-operator", true, 5},     {"", true, 5},
      {"kubectl-replace", false, 5},  // who writes the object whole knows nothing of the stop
  };
  for (const auto& c : cases) {
    const auto plan =
        PlanWorkload(WorkloadState{8, SavedAs(5, 0), c.manager, c.annotated}, Stop(), kDefaults);
    EXPECT_EQ(plan.kind, PlanKind::kReassert) << c.manager;
    EXPECT_EQ(plan.replicas, 0) << c.manager;
    EXPECT_EQ(plan.patch_saved, SavedAs(c.want, 0)) << c.manager;
  }
}

TEST(PlanWorkloadTest, AnAnnotationThatWasLostIsWrittenAgain) {
  const WorkloadState lost{0, SavedAs(5, 0), "", false};
  const auto stop = PlanWorkload(lost, Stop(), kDefaults);
  EXPECT_EQ(stop.kind, PlanKind::kRemember);
  EXPECT_EQ(stop.replicas, std::nullopt);
  EXPECT_EQ(stop.patch_saved, SavedAs(5, 0));
  EXPECT_EQ(PlanWorkload(lost, Normal(), kDefaults).kind, PlanKind::kRestore);
}

// An owner that writes its own count with every change chose nothing: the first original returns.
TEST(PlanWorkloadTest, WhatAnOwnerKeepsSettingBackIsNoNewChoice) {
  WorkloadState state{3, SavedAs(5, 0)};
  EXPECT_EQ(PlanWorkload(state, Normal(), {}).kind, PlanKind::kForget);
  state.contended = true;
  const auto plan = PlanWorkload(state, Normal(), {});
  EXPECT_EQ(plan.kind, PlanKind::kRestore);
  EXPECT_EQ(plan.replicas, 5);
}

TEST(PlanWorkloadTest, OfTwoPoolsTheLowerAskWins) {
  const auto other = [](WorkloadAsk ask) {
    ask.pool = "other";
    return std::vector<OtherAsk>{{ask, kDefaults}};
  };
  const auto stop = PlanWorkload(WorkloadState{8, {}}, Throttle(10), kDefaults, other(Stop()));
  EXPECT_EQ(stop.replicas, 0);
  EXPECT_EQ(stop.patch_saved, SavedAs(8, 0));
  const auto throttle =
      PlanWorkload(WorkloadState{8, {}}, Normal(), kDefaults, other(Throttle(10)));
  EXPECT_EQ(throttle.replicas, 4);
  const WorkloadState stopped{0, SavedAs(8, 0)};
  EXPECT_EQ(PlanWorkload(stopped, Normal(), kDefaults, other(Stop())).kind, PlanKind::kNothing);
  EXPECT_EQ(PlanWorkload(stopped, Throttle(10), kDefaults, other(Normal())).replicas, 4);
  auto unknown = Normal();
  unknown.may_relax = false;
  EXPECT_EQ(PlanWorkload(stopped, unknown, kDefaults).kind, PlanKind::kNothing);
  auto draining = AskBuilder().At(policy::Level::kStopped).Draining().ask;
  EXPECT_EQ(PlanWorkload(WorkloadState{8, {}}, draining, kDefaults, other(Throttle(10))).replicas,
            4);
}

struct DesiredCase {
  const char* name;
  policy::Level level;
  std::int32_t original, concurrency, maximum;
  api::ScalingSpec scaling;
  std::int32_t want;
};

TEST(DesiredReplicasTest, Table) {
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  const DesiredCase cases[] = {
      {"normal", policy::Level::kNormal, 5, 1, 20, {}, 5},
      {"warning", policy::Level::kWarning, 5, 1, 20, {}, 5},
      {"refusing work", policy::Level::kRefusingWork, 5, 0, 20, {}, 5},
      {"stopped", policy::Level::kStopped, 5, 0, 20, {}, 0},
      {"stopped, kept",
       policy::Level::kStopped,
       5,
       0,
       20,
       {kProportional, api::OnStop::kKeep, 1, 60},
       5},
      {"proportional", policy::Level::kThrottled, 10, 10, 20, {}, 5},
      {"rounded up", policy::Level::kThrottled, 10, 11, 20, {}, 6},
      {"floor",
       policy::Level::kThrottled,
       10,
       1,
       20,
       {kProportional, api::OnStop::kZero, 4, 60},
       4},
      {"floor above the original",
       policy::Level::kThrottled,
       2,
       1,
       20,
       {kProportional, api::OnStop::kZero, 4, 60},
       2},
      {"floor of nothing",
       policy::Level::kThrottled,
       10,
       0,
       20,
       {kProportional, api::OnStop::kZero, 0, 60},
       0},
      {"kept",
       policy::Level::kThrottled,
       10,
       1,
       20,
       {api::OnThrottle::kKeep, api::OnStop::kZero, 1, 60},
       10},
      {"never above the original", policy::Level::kThrottled, 10, 40, 20, {}, 10},
      {"no maximum", policy::Level::kThrottled, 10, 1, 0, {}, 10},
      {"no replicas", policy::Level::kThrottled, 0, 1, 20, {}, 0},
      {"the largest", policy::Level::kThrottled, kMost, kMost - 1, kMost, {}, kMost - 1},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(DesiredReplicas(c.level, c.original, c.concurrency, c.maximum, c.scaling), c.want)
        << c.name;
  }
}

}  // namespace
}  // namespace purser::workloads
