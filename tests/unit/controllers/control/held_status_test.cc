// What is held stands in the status at once: the fence knows it by that alone.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/controllers/control/stage.h"

namespace purser::controllers {
namespace {

using std::chrono::seconds;

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

TEST(HeldStatus, IsWrittenWithoutDelay) {
  Stage stage;
  stage.Deployment("worker", 8);
  stage.Pool("team", {"worker"});
  stage.Budget("daily", {{"limit", "10"}});
  stage.Start();
  stage.Pass(seconds(75));
  const auto agent = [&] { return stage.StatusOf("agentpools", "team")["agents"][0]; };
  // Each is told in the second in which it is taken: time stands still after it.
  stage.Spend("worker", Dollars(9));
  stage.Pass(seconds(1));
  EXPECT_EQ(stage.Replicas("worker"), 4);
  EXPECT_EQ(agent().value("savedReplicas", -1), 8);
  EXPECT_EQ(agent().value("setReplicas", -1), 4);
  stage.Spend("worker", Dollars(2));
  stage.Pass(seconds(1));
  EXPECT_EQ(stage.Replicas("worker"), 0);
  EXPECT_EQ(agent().value("setReplicas", -1), 0);
}

}  // namespace
}  // namespace purser::controllers
