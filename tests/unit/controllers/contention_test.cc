#include "controllers/agent_pool/contention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

using policy::Level;
using std::chrono::seconds;

const Timestamp kNow = Timestamp(seconds(1'800'000'000));

Contention Fought(Level level) {
  Contention contention;
  for (int i = 0; i < 5; ++i) contention.Reversed(kNow + seconds(i), "somebody", level);
  return contention;
}

TEST(ContentionTest, FiveReversalsAreContention) {
  Contention contention;
  for (int i = 0; i < 4; ++i) {
    contention.Reversed(kNow, "somebody", Level::kStopped);
    EXPECT_EQ(contention.NextReassert(kNow, Level::kStopped), kNow);
  }
  EXPECT_FALSE(contention.Contended(kNow));
  contention.Reversed(kNow, "somebody", Level::kStopped);
  EXPECT_TRUE(contention.Contended(kNow));
  EXPECT_EQ(contention.by(), "somebody");
}

TEST(ContentionTest, AThrottleIsSetAgainOnceAMinuteAStopSooner) {
  const auto last = kNow + seconds(4);
  EXPECT_EQ(Fought(Level::kThrottled).NextReassert(last, Level::kThrottled), last + seconds(60));
  auto stop = Fought(Level::kStopped);
  auto now = last;
  for (const int want : {5, 10, 20, 30, 30}) {
    const auto at = stop.NextReassert(now, Level::kStopped);
    EXPECT_EQ(at, now + seconds(want));
    now = at;
    stop.Reversed(now, "somebody", Level::kStopped);
  }
}

TEST(ContentionTest, AStrongerAskNeverWaits) {
  auto contention = Fought(Level::kThrottled);
  const auto now = kNow + seconds(5);
  EXPECT_EQ(contention.NextReassert(now, Level::kStopped), now);
  contention.Reversed(now, "somebody", Level::kStopped);
  EXPECT_EQ(contention.NextReassert(now, Level::kStopped), now + seconds(5));
}

TEST(ContentionTest, EndsByItself) {
  auto contention = Fought(Level::kStopped);
  EXPECT_TRUE(contention.Contended(contention.Ends() - Duration(1)));
  EXPECT_FALSE(contention.Contended(contention.Ends()));
  const auto later = contention.Ends() + seconds(1);
  contention.Reversed(later, "somebody", Level::kThrottled);
  EXPECT_FALSE(contention.Contended(later)) << "counted anew";
}

TEST(ContentionTest, TellsWhatToDoAboutWhom) {
  using testing::HasSubstr;
  EXPECT_THAT(WayOutOfContention("kube-controller-manager", "Deployment"),
              HasSubstr("HorizontalPodAutoscaler"));
  EXPECT_THAT(WayOutOfContention("keda-operator", "Deployment"),
              HasSubstr("autoscaling.keda.sh/paused"));
  EXPECT_THAT(WayOutOfContention("argocd-controller", "StatefulSet"),
              HasSubstr("kind: StatefulSet, jsonPointers: [/spec/replicas]"));
  EXPECT_THAT(WayOutOfContention("", "Deployment"), HasSubstr("this Deployment alone"));
  const Autoscaler writer{Autoscaler::Kind::kHorizontalPodAutoscaler, "writer", "minReplicas 8"};
  EXPECT_THAT(WayOutOfContention("our-own-scaler", "Deployment", writer),
              HasSubstr("HorizontalPodAutoscaler writer (minReplicas 8) scales it: lower its"));
  const Autoscaler queue{Autoscaler::Kind::kScaledObject, "queue"};
  EXPECT_THAT(WayOutOfContention("kube-controller-manager", "Deployment", queue),
              HasSubstr("ScaledObject queue with autoscaling.keda.sh/paused"));
  EXPECT_THAT(WayOutOfContention("argocd-controller", "Deployment", writer),
              HasSubstr("ignoreDifferences"))
      << "who writes it comes first";
}

}  // namespace
}  // namespace purser::controllers
