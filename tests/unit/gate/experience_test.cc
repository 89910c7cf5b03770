#include "gate/experience.h"

#include <gtest/gtest.h>

namespace purser::gate {
namespace {

Amounts One(std::int64_t nanos, std::int64_t latency, bool failed = false) {
  Amounts call{.cost = Money::FromNanos(nanos), .calls = 1, .failed_calls = failed ? 1 : 0};
  call.latency_ms = latency;
  return call;
}

TEST(ExperienceTest, PercentilesAreAQuarterTooHighAtMost) {
  Sizes sizes;
  for (int size = 1; size <= 1000; ++size) sizes.Add(size);
  EXPECT_GE(sizes.Percentile(95), 950);
  EXPECT_LE(sizes.Percentile(95), 1190);
  EXPECT_EQ(Sizes().Percentile(95), 0);
  Sizes free;
  free.Add(0);
  EXPECT_EQ(free.Percentile(95), 0);
  Sizes huge;
  huge.Add(INT64_MAX);
  EXPECT_GT(huge.Percentile(95), INT64_MAX / 4);
}

TEST(ExperienceTest, KnowsTheLikeOfATask) {
  Experiences seen;
  const ExperienceKey research{"ns", "a", "research", "m"};
  for (int call = 0; call < 20; ++call) seen.Add(research, One(1000, 200, call % 4 == 0));
  ASSERT_NE(seen.Find(research), nullptr);
  EXPECT_EQ(seen.Find(research)->MeanCost(), Money::FromNanos(1000));
  EXPECT_EQ(seen.Find(research)->sum.failed_calls, 5);
  ASSERT_NE(seen.Find({"ns", "a", "another", "m"}), nullptr) << "the agent's calls of any task";
  EXPECT_EQ(seen.Find({"ns", "b", "research", "m"}), nullptr);
  EXPECT_EQ(seen.Find({"other", "a", "research", "m"}), nullptr);
}

TEST(ExperienceTest, IsBoundedAndForgetsTheOldest) {
  Experiences seen(10);
  for (int task = 0; task < 100; ++task)
    seen.Add({"ns", "a", std::to_string(task), "m"}, One(1, 1));
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(seen.Find({"ns", "a", "99", "m"})->sum.calls, 1);
}

TEST(ExperienceTest, NewerCallsWeighMore) {
  Experiences seen;
  const ExperienceKey key{"ns", "a", "t", "m"};
  for (int call = 0; call < 20'000; ++call) seen.Add(key, One(1000, 1));
  for (int call = 0; call < 20'000; ++call) seen.Add(key, One(5000, 1));
  EXPECT_GT(seen.Find(key)->MeanCost(), Money::FromNanos(4000));
  EXPECT_LT(seen.Find(key)->sum.calls, Experiences::kHalveAt);
}

}  // namespace
}  // namespace purser::gate
