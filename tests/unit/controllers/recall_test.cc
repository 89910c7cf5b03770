#include "controllers/agent_budget/recall.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace purser::controllers {
namespace {

const policy::Window kDay = {*ParseRfc3339("2026-11-27T00:00:00Z"),
                             *ParseRfc3339("2026-11-28T00:00:00Z")};
constexpr const char* kLost = "2026-11-27T10:02:00Z";

// Healthy, but for one agent whose meter was lost and that was stopped for it.
class RecallTest : public ::testing::Test {
 protected:
  RecallTest() {
    budget_.meta.name = "daily";
    budget_.meta.generation = 3;
    budget_.status.observed_generation = 3;
    budget_.status.state = "Normal";
    budget_.status.window_start = "2026-11-27T00:00:00Z";
    budget_.status.conditions = {Condition("SourceHealthy", "True"), Condition("Metered", "False")};
    pool_.status.agents = {Agent("researcher", "Stopped", "daily"), Agent("writer", "Normal", ""),
                           Agent("editor", "Stopped", "another")};
  }
  static kube::Condition Condition(const char* type, const char* status) {
    kube::Condition condition;
    condition.type = type;
    condition.status = status;
    condition.last_transition_time = kLost;
    return condition;
  }
  static api::AgentPoolAgentStatus Agent(const char* name, const char* state, const char* by) {
    api::AgentPoolAgentStatus agent;
    agent.name = name;
    agent.state = state;
    agent.governed_by = by;
    return agent;
  }
  std::optional<policy::Sight> Recalled() const {
    return Recall(budget_, kDay, {std::make_shared<const api::AgentPool>(pool_)});
  }

  api::AgentBudget budget_;
  api::AgentPool pool_;
};

TEST_F(RecallTest, KeepsTheStopOfAnAgentWhoseMeterWasLost) {
  for (const char* state : {"Stopped", "Stopping", "Draining"}) {
    pool_.status.agents.front().state = state;
    const auto sight = Recalled();
    ASSERT_TRUE(sight) << state;
    EXPECT_EQ(sight->level, policy::Level::kNormal);
    ASSERT_EQ(sight->agents.size(), 1u) << "another budget's stop is not this one's";
    const auto& [agent, asked] = *sight->agents.begin();
    EXPECT_EQ(agent, "researcher");
    EXPECT_EQ(asked.level, policy::Level::kStopped);
    EXPECT_EQ(asked.since, *ParseRfc3339(kLost));
  }
}

TEST_F(RecallTest, WhatIsAskedOfAllIsOfNoAgentAlone) {
  budget_.status.state = "Stopped";
  EXPECT_FALSE(Recalled()) << "money stopped them";
  budget_.status.conditions.front().status = "False";
  const auto sight = Recalled();
  ASSERT_TRUE(sight);
  EXPECT_EQ(sight->level, policy::Level::kStopped);
  EXPECT_FALSE(sight->may_relax);
  EXPECT_TRUE(sight->agents.empty());
}

TEST_F(RecallTest, WhoCallsModelsWithoutAPriceStaysStoppedWhereThatIsAsked) {
  budget_.status.conditions.back().status = "True";  // Metered
  kube::Condition pricing = budget_.status.conditions.back();
  pricing.type = "PricingComplete";
  pricing.status = "False";
  budget_.status.conditions.push_back(pricing);
  EXPECT_FALSE(Recalled());
  budget_.spec.on_unpriced = api::OnUnpriced::kStop;
  const auto sight = Recalled();
  ASSERT_TRUE(sight);
  EXPECT_EQ(sight->agents.at("researcher").level, policy::Level::kStopped);
  EXPECT_TRUE(sight->agents.at("researcher").unpriced);
}

TEST_F(RecallTest, NothingOfAnotherWindowOrSpecOrWhereAllIsMetered) {
  budget_.status.conditions.back().status = "True";
  EXPECT_FALSE(Recalled());
  budget_.status.conditions.back().status = "False";
  budget_.meta.generation = 4;
  EXPECT_FALSE(Recalled());
  budget_.meta.generation = 3;
  budget_.status.window_start = "2026-11-26T00:00:00Z";
  EXPECT_FALSE(Recalled());
}

// What Look makes of it: held until there are samples again.
TEST_F(RecallTest, IsHeldUntilTheMeterIsRepaired) {
  budget_.spec.on_source_loss = {api::SourceLossAction::kStop, 60};
  const auto before = Recalled();
  ASSERT_TRUE(before);
  policy::SourceState healthy;
  healthy.kind = policy::SourceState::Kind::kHealthy;
  std::set<std::string> metered;
  const std::map<std::string, policy::AgentTrouble> troubles;
  const auto look = [&] {
    return policy::Look({budget_.spec, healthy, troubles, metered, true, &*before,
                         kDay.start + std::chrono::hours(12)});
  };
  ASSERT_EQ(look().agents.size(), 1u);
  EXPECT_EQ(look().agents.begin()->second.level, policy::Level::kStopped);
  metered.insert("researcher");
  EXPECT_TRUE(look().agents.empty());
}

TEST_F(RecallTest, WhatHeldByHysteresisHoldsOn) {
  budget_.status.holds = {"80", "burn burst"};
  const auto latches = RecallLatches(budget_, "");
  EXPECT_EQ(latches, (policy::Latches{{"80", {true, {}}}, {"burn burst", {true, {}}}}));
  EXPECT_TRUE(RecallLatches(budget_, "researcher").empty());
  budget_.meta.generation = 4;
  EXPECT_TRUE(RecallLatches(budget_, "").empty()) << "of another spec";
}

TEST_F(RecallTest, OfEachSubjectItsOwn) {
  budget_.status.subjects.resize(2);
  budget_.status.subjects[0].name = "researcher";
  budget_.status.subjects[0].holds = {"100"};
  budget_.status.subjects[1].name = "writer";
  EXPECT_EQ(RecallLatches(budget_, "researcher"), (policy::Latches{{"100", {true, {}}}}));
  EXPECT_TRUE(RecallLatches(budget_, "writer").empty());
  EXPECT_TRUE(RecallLatches(budget_, "").empty());
}

}  // namespace
}  // namespace purser::controllers
