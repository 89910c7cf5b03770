#include "controllers/agent_pool/agent_step.h"

#include <gtest/gtest.h>

namespace purser::controllers {
namespace {

using policy::Level;
using std::chrono::seconds;

const Timestamp kNow = Timestamp(seconds(1'800'000'000));

AgentDemand Demand(Level level, std::int32_t concurrency, bool may_relax = true) {
  AgentDemand demand;
  demand.name = "one";
  demand.level = level;
  demand.maximum = 20;
  demand.concurrency = concurrency;
  demand.may_relax = may_relax;
  return demand;
}

TEST(StepAgentTest, DrainsThenStopsThenRampsUp) {
  AgentMemory memory;
  auto outcome = StepAgent(memory, Demand(Level::kStopped, 0), seconds(60), kNow);
  EXPECT_EQ(outcome.state, "Draining");
  EXPECT_FALSE(outcome.drained);
  EXPECT_EQ(outcome.concurrency, 0);
  EXPECT_EQ(outcome.next, kNow + seconds(60));

  outcome = StepAgent(memory, Demand(Level::kStopped, 0), seconds(60), kNow + seconds(60));
  EXPECT_EQ(outcome.state, "Stopped");
  EXPECT_TRUE(outcome.drained);

  const auto released = kNow + seconds(100);
  outcome = StepAgent(memory, Demand(Level::kNormal, 20), seconds(60), released);
  EXPECT_EQ(outcome.state, "Ramping");
  EXPECT_EQ(outcome.concurrency, 1);
  ASSERT_TRUE(outcome.next);

  outcome = StepAgent(memory, Demand(Level::kNormal, 20), seconds(60), released + seconds(20));
  EXPECT_EQ(outcome.concurrency, 4);
  outcome = StepAgent(memory, Demand(Level::kNormal, 20), seconds(60), released + seconds(50));
  EXPECT_EQ(outcome.state, "Normal");
  EXPECT_EQ(outcome.concurrency, 20);
  EXPECT_FALSE(outcome.next);
}

TEST(StepAgentTest, NobodyListeningMeansNoDrain) {
  AgentMemory memory;
  EXPECT_EQ(StepAgent(memory, Demand(Level::kStopped, 0), seconds(0), kNow).state, "Stopped");
}

TEST(StepAgentTest, AStopIsHeldWhileSpendIsUnreadable) {
  AgentMemory memory;
  StepAgent(memory, Demand(Level::kStopped, 0), seconds(0), kNow);
  const auto outcome =
      StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(0), kNow + seconds(5));
  EXPECT_EQ(outcome.state, "Stopped");
  EXPECT_EQ(outcome.concurrency, 0);
}

TEST(StepAgentTest, AThrottleIsHeldButMayTightenWhileSpendIsUnreadable) {
  AgentMemory memory;
  StepAgent(memory, Demand(Level::kThrottled, 5), seconds(0), kNow);
  auto outcome = StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(0), kNow);
  EXPECT_EQ(outcome.state, "Throttled");
  EXPECT_EQ(outcome.concurrency, 5);
  outcome = StepAgent(memory, Demand(Level::kThrottled, 3, false), seconds(0), kNow);
  EXPECT_EQ(outcome.concurrency, 3);
  outcome = StepAgent(memory, Demand(Level::kNormal, 20), seconds(0), kNow);
  EXPECT_EQ(outcome.state, "Normal");
  EXPECT_EQ(outcome.concurrency, 20);
}

TEST(StepAgentTest, LosingTheSourceWhileRampingTakesNothing) {
  AgentMemory memory;
  StepAgent(memory, Demand(Level::kStopped, 0), seconds(0), kNow);
  StepAgent(memory, Demand(Level::kNormal, 20), seconds(0), kNow);
  auto outcome =
      StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(0), kNow + seconds(1));
  EXPECT_EQ(outcome.state, "Ramping");
  EXPECT_EQ(outcome.concurrency, 1);
  EXPECT_EQ(outcome.level, Level::kNormal);
  // All of it had been allowed: the ramp ends.
  outcome = StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(0), kNow + seconds(50));
  EXPECT_EQ(outcome.state, "Normal");
  EXPECT_EQ(outcome.concurrency, 20);
}

TEST(StepAgentTest, AStatusBringsTheMemoryBack) {
  api::AgentPoolAgentStatus status;
  status.name = "one";
  status.state = "Draining";
  auto memory = RecallAgent(status, kNow, true);
  EXPECT_EQ(StepAgent(memory, Demand(Level::kStopped, 0), seconds(60), kNow + seconds(59)).state,
            "Draining");
  EXPECT_EQ(StepAgent(memory, Demand(Level::kStopped, 0), seconds(60), kNow + seconds(61)).state,
            "Stopped");

  status.state = "Ramping";
  status.concurrency = 2;
  memory = RecallAgent(status, kNow, true);
  EXPECT_EQ(
      StepAgent(memory, Demand(Level::kNormal, 20), seconds(60), kNow + seconds(20)).concurrency,
      4);

  // Released, and killed before it was told: what is blind now takes nothing
  // anew, but the limit that was published stays.
  status.state = "Stopped";
  status.concurrency = 0;
  memory = RecallAgent(status, kNow, false);
  const auto outcome = StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(60), kNow);
  EXPECT_EQ(outcome.level, Level::kNormal);
  EXPECT_EQ(outcome.concurrency, 0);
  memory = RecallAgent(status, kNow, true);
  EXPECT_EQ(StepAgent(memory, Demand(Level::kNormal, 20, false), seconds(60), kNow).level,
            Level::kStopped);

  // An unreadable time must not start the drain anew at every restart.
  status.state = "Draining";
  memory = RecallAgent(status, std::nullopt, true);
  EXPECT_EQ(StepAgent(memory, Demand(Level::kStopped, 0), seconds(60), kNow).state, "Stopped");
}

}  // namespace
}  // namespace purser::controllers
