#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controllers/agent_budget/budget_status.h"
#include "controllers/agent_budget/sight_conditions.h"
#include "controllers/agent_pool/pool_status.h"
#include "controllers/conditions.h"
#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

const Timestamp kNow = Timestamp(std::chrono::seconds(1'800'000'000));

TEST(ConditionsTest, TheTransitionTimeMovesOnlyWithTheStatus) {
  std::vector<kube::Condition> conditions;
  SetCondition(conditions, "Ready", true, "A", "first", 1, kNow);
  const auto since = conditions[0].last_transition_time;
  SetCondition(conditions, "Ready", true, "B", "second", 2, kNow + std::chrono::hours(1));
  EXPECT_EQ(conditions[0].last_transition_time, since);
  EXPECT_EQ(conditions[0].reason, "B");
  SetCondition(conditions, "Ready", false, "C", "third", 2, kNow + std::chrono::hours(1));
  EXPECT_NE(conditions[0].last_transition_time, since);
  EXPECT_EQ(TransitionTime(conditions, "Ready"), kNow + std::chrono::hours(1));
  EXPECT_EQ(TransitionTime(conditions, "Absent"), std::nullopt);
}

api::AgentBudgetStatus Written() {
  api::AgentBudgetStatus status;
  status.state = "Normal";
  status.percent_used = 41;
  status.spent = "4.1";
  status.burn_per_hour = "1";
  return status;
}

TEST(BudgetStatusTest, WorthWriting) {
  const auto before = Written();
  auto after = before;
  EXPECT_FALSE(WorthWriting(before, after, kNow, kNow + std::chrono::hours(1)))
      << "nothing changed";
  after.spent = "4.15";
  EXPECT_FALSE(WorthWriting(before, after, kNow, kNow + std::chrono::seconds(59)))
      << "less than a minute";
  EXPECT_TRUE(WorthWriting(before, after, kNow, kNow + std::chrono::seconds(60)))
      << "once a minute while spending";
  after.percent_used = 42;
  EXPECT_TRUE(WorthWriting(before, after, kNow, kNow)) << "a percent of the limit";
  after = before;
  SetCondition(after.conditions, kPricing, false, "UnknownModel",
               "x has no price; " + std::string(kEstimate) + "$2", 1, kNow);
  auto priced = after;
  priced.conditions[0].message += "0";
  EXPECT_FALSE(WorthWriting(after, priced, kNow, kNow + std::chrono::seconds(59)));
  EXPECT_TRUE(WorthWriting(after, priced, kNow, kNow + std::chrono::seconds(60)))
      << "what is estimated, though it is not counted";
  priced.conditions[0].message = "y has none; " + std::string(kEstimate) + "$2";
  EXPECT_TRUE(WorthWriting(after, priced, kNow, kNow)) << "another model";
  after = before;
  after.state = "Warning";
  EXPECT_TRUE(WorthWriting(before, after, kNow, kNow)) << "a state";
  after = before;
  after.projected = "9";
  after.exhausts_at = "2027-01-15T08:00:00Z";
  EXPECT_FALSE(WorthWriting(before, after, kNow, kNow + std::chrono::hours(1)))
      << "a forecast alone";
}

TEST(BudgetStatusTest, AGapIsToldAsLongAsItsWindowLasts) {
  using std::chrono::hours;
  api::AgentBudget budget;
  Evaluation evaluation;
  evaluation.window_spec = budget.spec.window;
  evaluation.window = {kNow, kNow + hours(24)};
  ledger::SourceHealth health;
  const auto gap = [&](Timestamp now) {
    const ledger::Ledger::AgentTotals agents;
    const BudgetReport report{budget, std::nullopt, &evaluation, agents, health, {}, now};
    budget.status = BuildBudgetStatus(report);
    const auto* condition = FindCondition(budget.status.conditions, "LedgerGap");
    return condition->status + " " + condition->message;
  };
  health.gap = ledger::Gap{kNow - hours(1), "of yesterday"};
  EXPECT_EQ(gap(kNow + hours(1)), "False no gap known in this window");
  health.gap = ledger::Gap{kNow + hours(1), "of today"};
  EXPECT_EQ(gap(kNow + hours(2)), "True of today");
  health.gap.reset();
  EXPECT_EQ(gap(kNow + hours(3)), "True of today") << "a restart forgets it, the status does not";
  evaluation.window = {kNow + hours(24), kNow + hours(48)};
  EXPECT_EQ(gap(kNow + hours(25)), "False no gap known in this window");
}

TEST(BudgetStatusTest, TheWorstOfManySubjectsAreToldAndAllAreCounted) {
  api::AgentBudget budget;
  budget.spec.scope.per = api::Per::kAgent;
  Evaluation evaluation;
  evaluation.window_spec = budget.spec.window;
  evaluation.window = {kNow, kNow + std::chrono::hours(24)};
  for (int i = 0; i < 40; ++i) {
    Row row;
    const std::string name = "agent-" + std::to_string(10 + i);
    row.subject = std::make_shared<const Subject>(Subject{name, {}, false, {name}});
    row.decision.level = i % 13 == 0 ? policy::Level::kStopped : policy::Level::kNormal;
    row.decision.limit = Money::FromNanos(100);
    row.decision.spent = Money::FromNanos(i % 13 == 0 ? 100 + i : i);
    row.decision.percent_used = static_cast<std::int32_t>(row.decision.spent.count());
    row.decision.message = "agent " + name + ": spent";
    evaluation.rows.push_back(std::make_shared<const Row>(row));
  }
  const ledger::Ledger::AgentTotals agents;
  const ledger::SourceHealth health;
  const auto status =
      BuildBudgetStatus({budget, std::nullopt, &evaluation, agents, health, {}, kNow});
  EXPECT_EQ(status.state, "Stopped");
  EXPECT_EQ(status.summary, "4 of 40 stopped");
  EXPECT_EQ(status.states, (std::vector<api::StateCount>{{"Stopped", 4}, {"Normal", 36}}));
  ASSERT_EQ(status.subjects.size(), 20u);
  EXPECT_EQ(status.subjects[0].name, "agent-49");
  EXPECT_EQ(status.subjects[3].name, "agent-10");
  EXPECT_EQ(status.subjects[4].state, "Normal");
  EXPECT_EQ(status.subjects[4].name, "agent-48");
  EXPECT_EQ(status.spent, "0.000000139") << "of the worst";
  const auto* throttled = FindCondition(status.conditions, "Throttled");
  EXPECT_THAT(throttled->message, testing::StartsWith("4 of 40 stopped; agent agent-49: spent; "));
  EXPECT_THAT(throttled->message, testing::Not(testing::HasSubstr("agent-48")));
}

TEST(PoolStatusTest, TheMessageTellsWhoHowMuchOfWhatUntilWhen) {
  const auto pool = PoolBuilder("research").Agent("one").Build();
  Row row;
  row.budget = {"agents", "research-daily"};
  row.decision.level = policy::Level::kThrottled;
  row.decision.message =
      "spent $41.24 of $50 (82 %) since 2026-11-23T00:00-05:00; resets at "
      "2026-11-24T05:00:00Z";
  row.decision.outlook_size = std::string("; resets at 2026-11-24T05:00:00Z").size();
  PoolDemandResult demand;
  demand.governor = std::make_shared<const Row>(row);
  PoolReport report{pool, demand, kNow};
  report.concurrency = 8;
  EXPECT_EQ(PoolMessage(report),
            "budget research-daily: spent $41.24 of $50 "
            "(82 %) since 2026-11-23T00:00-05:00; "
            "concurrency 20 -> 8; "
            "resets at 2026-11-24T05:00:00Z");
}

TEST(PoolStatusTest, AMissingWorkloadIsNamed) {
  const auto pool = PoolBuilder("research").Agent("one").Build();
  PoolDemandResult demand;
  AgentReport agent;
  agent.name = "one";
  agent.outcome.state = "Normal";
  agent.missing = true;
  agent.workload = "Deployment one";
  PoolReport report{pool, demand, kNow, {agent}};
  const auto status = BuildPoolStatus(report);
  const auto* resolved = FindCondition(status.conditions, "WorkloadsResolved");
  ASSERT_NE(resolved, nullptr);
  EXPECT_EQ(resolved->status, "False");
  EXPECT_NE(resolved->message.find("Deployment one"), std::string::npos);
  EXPECT_EQ(status.agents[0].state, "Missing");
}

TEST(PoolStatusTest, WhoIsNotMeteredIsToldAndUnchangedWritesNothing) {
  auto pool = PoolBuilder("research").Agent("one").Build();
  const PoolDemandResult demand;
  AgentReport agent;
  agent.name = "one";
  PoolReport report{pool, demand, kNow, {agent}};
  const auto tell = [&](bool worth) {
    const auto status = BuildPoolStatus(report);
    EXPECT_EQ(WorthWriting(pool.status, status), worth);
    pool.status = status;
    const auto* metered = FindCondition(status.conditions, "Metered");
    return metered == nullptr ? "" : metered->status + "/" + metered->reason;
  };
  EXPECT_EQ(tell(true), "") << "not looked at yet";
  report.metering = PoolMetering{ledger::SourceHealth::State::kHealthy, {}};
  EXPECT_EQ(tell(true), "True/Metered");
  report.metering->issues = {{"one", "NoSamples", "one is silent", true, kNow}};
  EXPECT_EQ(tell(true), "False/NoSamples");
  report.now += std::chrono::hours(1);
  EXPECT_EQ(tell(false), "False/NoSamples");
  report.metering.reset();
  EXPECT_EQ(tell(false), "False/NoSamples") << "a restart has not looked yet";
  report.metering = PoolMetering{ledger::SourceHealth::State::kNeverRead, {}};
  EXPECT_EQ(tell(false), "False/NoSamples") << "nor read";
  report.metering->state = ledger::SourceHealth::State::kHealthy;
  report.metering->issues = {{"one", "NoSamples", "one is silent", true, kNow}};
  EXPECT_EQ(tell(false), "False/NoSamples");
  report.metering->issues.push_back({"two", "NoSamples", "two is silent", true, kNow});
  EXPECT_EQ(tell(true), "False/NoSamples") << "another one too";
  report.metering->state.reset();
  EXPECT_EQ(tell(true), "False/NoBudget");
}

TEST(PoolStatusTest, ReadyTellsTheGravestObstacle) {
  const auto pool = PoolBuilder("research").Agent("one").Build();
  const PoolDemandResult demand;
  AgentReport agent;
  agent.name = "one";
  agent.workload = "Deployment one";
  PoolReport report{pool, demand, kNow, {agent}};
  const auto ready = [&] {
    const auto status = BuildPoolStatus(report);
    const auto* condition = FindCondition(status.conditions, "Ready");
    return condition->status + "/" + condition->reason + ": " + condition->message;
  };
  using testing::HasSubstr;
  using testing::StartsWith;
  EXPECT_THAT(ready(), StartsWith("True/Reconciled: "));
  report.targets.targets = {{{"limits", "limits.json"}, "configmaps is forbidden"}};
  EXPECT_THAT(ready(), StartsWith("False/LimitsNotPublished: configmaps is forbidden"));
  report.shared.agents = {"one (AgentPool other)"};
  EXPECT_THAT(ready(), testing::AllOf(StartsWith("False/AgentShared: spec.agents[].name"),
                                      HasSubstr("one (AgentPool other)")));
  report.shared.workloads = {"Deployment one (AgentPool other)"};
  EXPECT_THAT(ready(), testing::AllOf(StartsWith("False/WorkloadShared: "),
                                      HasSubstr("Deployment one (AgentPool other)")));
  report.agents[0].contended = true;
  report.agents[0].contended_by = "argocd-controller";
  EXPECT_THAT(ready(), testing::AllOf(StartsWith("False/ReplicasKeepChanging: "),
                                      HasSubstr("Deployment one (by argocd-controller)"),
                                      HasSubstr("jsonPointers: [/spec/replicas]")));
  report.agents[0].missing = true;
  EXPECT_THAT(ready(),
              testing::AllOf(StartsWith("False/WorkloadNotFound: "), HasSubstr("Deployment one")));
  report.agents[0].refused = "Deployment agents/one: platform policy 12";
  EXPECT_THAT(ready(),
              testing::AllOf(StartsWith("False/ScaleRefused: "), HasSubstr("platform policy 12")));
}

TEST(PoolStatusTest, StoppedIsWhatTheClusterShows) {
  const auto pool = PoolBuilder("research").Agent("one").Agent("two").Build();
  const PoolDemandResult demand;
  PoolReport report{pool, demand, kNow};
  for (const char* name : {"one", "two"}) {
    AgentReport agent;
    agent.name = name;
    agent.workload = std::string("Deployment ") + name;
    agent.outcome.state = "Stopped";
    agent.outcome.level = policy::Level::kStopped;
    report.agents.push_back(agent);
  }
  report.agents[0].ended = true;
  report.agents[1].running = 2;
  const auto tell = [&] {
    report.state = PoolState(report.agents, pool.spec.scaling, false);
    const auto status = BuildPoolStatus(report);
    const auto* condition = FindCondition(status.conditions, "Stopped");
    return status.state + " " + status.agents[0].state + " " + status.agents[1].state + " " +
           condition->status + "/" + condition->reason + ": " + condition->message;
  };
  EXPECT_THAT(tell(), testing::StartsWith("Stopping Stopped Stopping False/Stopping: "));
  EXPECT_THAT(tell(), testing::HasSubstr("two (0 replicas, 2 pods)"));
  report.agents[1].ended = true;
  report.agents[1].running = 0;
  EXPECT_THAT(tell(), testing::StartsWith("Stopped Stopped Stopped True/BudgetExhausted: "));
  report.agents[1].outcome.state = "Draining";
  EXPECT_THAT(tell(), testing::HasSubstr("False/"));
}

}  // namespace
}  // namespace purser::controllers
