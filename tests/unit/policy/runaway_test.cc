#include "policy/runaway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace purser::policy {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Timestamp kStart{hours(24 * 365 * 56)};
const RunawayRules kRules{.calls_per_task = 50, .failed_calls_percent = 50, .agents = 40};

std::vector<std::string> RulesOf(const std::vector<RunawayFinding>& findings) {
  std::vector<std::string> rules;
  for (const auto& one : findings) {
    if (rules.empty() || rules.back() != one.rule) rules.push_back(one.rule);
  }
  return rules;
}

class RunawayTest : public testing::Test {
 protected:
  CallSeen Call(std::string agent, std::string task, std::int64_t tokens, bool failed = false) {
    return {.id = "call-" + std::to_string(next_++),
            .at = now_,
            .agent = std::move(agent),
            .task = std::move(task),
            .model = "m",
            .input_tokens = tokens,
            .failed = failed};
  }
  std::vector<RunawayFinding> Find() const { return watch_.Findings(kRules, 4, now_); }

  RunawayWatch watch_;
  Timestamp now_ = kStart;
  int next_ = 0;
};

// Four agents that hand each other the same question for eleven days; every call succeeds, and
// nobody names a task.
TEST_F(RunawayTest, TheElevenDayLoopIsFoundInItsFirstHours) {
  std::mt19937 random(1);
  const auto end = kStart + hours(24 * 11);
  Timestamp found{};
  double spent = 0;
  double spent_when_found = 0;
  while (now_ < end) {
    for (const auto* agent : {"analyzer", "verifier", "planner", "writer"}) {
      watch_.Add(Call(agent, "", 12'000 + static_cast<std::int64_t>(random() % 100)));
      spent += 0.198;
    }
    now_ += seconds(16);
    if (found != Timestamp() || Find().empty()) continue;
    found = now_;
    spent_when_found = spent;
  }
  EXPECT_NEAR(spent, 47'000, 500);
  ASSERT_NE(found, Timestamp());
  EXPECT_LE(found - kStart, hours(1));
  EXPECT_LE(spent_when_found, 150);
  const auto findings = Find();
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[0].rule, "RepeatedCalls");
  EXPECT_THAT(findings[0].message, HasSubstr("of the same size to m within an hour"));
  EXPECT_THAT(findings[0].message, HasSubstr("the last ids call-"));
}

TEST_F(RunawayTest, TheSameLoopWithATaskIsFoundByItsCalls) {
  for (int call = 0; call < 51; ++call) {
    EXPECT_THAT(Find(), IsEmpty()) << call;
    watch_.Add(Call(call % 2 == 0 ? "a" : "b", "t-1", 1000 + call * 97 % 1300));
    now_ += seconds(90);
  }
  const auto findings = Find();
  ASSERT_EQ(RulesOf(findings), std::vector<std::string>{"CallsPerTask"});
  EXPECT_THAT(findings[0].message, HasSubstr("task t-1 made 51 calls since 2025-12-18T00:00:00Z"));
  EXPECT_THAT(findings[0].message, HasSubstr("call-50"));
  now_ += hours(2);
  EXPECT_THAT(Find(), IsEmpty()) << "it idles";
}

TEST_F(RunawayTest, ATaskIsItsAgents) {
  for (int call = 0; call < 61; ++call)
    watch_.Add(Call(call % 2 == 0 ? "b" : "a", "t", 100 + call * 90));
  for (int call = 0; call < 60; ++call)
    watch_.Add(Call("agent-" + std::to_string(call % 20), "shared", 100 + call * 90));
  const auto findings = Find();
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].agents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(findings[1].agents, std::vector<std::string>()) << "of so many it is the pool's";
}

// Hours of a loop in one request, after they were kept back; and a live one beside it.
TEST_F(RunawayTest, WhatIsToldLateLooksAsItLookedWhenItWasMade) {
  const auto told = kStart + hours(20);
  for (int call = 0; call < 130; ++call) {
    auto late = Call("late", "", 5000);
    late.heard = told;
    watch_.Add(late);
    watch_.Add(Call("steady", "", 300 + call * 177 % 5000));
    now_ += seconds(25);
  }
  now_ = told;
  watch_.Add(Call("live", "", 100));
  ASSERT_EQ(RulesOf(Find()), std::vector<std::string>{"RepeatedCalls"});
  EXPECT_EQ(Find()[0].agents, std::vector<std::string>{"late"});
  EXPECT_THAT(Find()[0].message, HasSubstr("within an hour up to 2025-12-18T00:53:45Z"));
  now_ += hours(2);
  EXPECT_THAT(Find(), IsEmpty()) << "and ages from then on";
}

TEST_F(RunawayTest, ARetryStorm) {
  for (int call = 0; call < 19; ++call) watch_.Add(Call("a", "", 500 + call * 50, true));
  EXPECT_THAT(Find(), IsEmpty()) << "fewer than 20 calls show nothing";
  watch_.Add(Call("a", "", 3000, true));
  ASSERT_EQ(RulesOf(Find()), std::vector<std::string>{"FailedCalls"});
  EXPECT_THAT(Find()[0].message, HasSubstr("20 of 20 calls of agent a failed"));
  now_ += minutes(6);
  EXPECT_THAT(Find(), IsEmpty());
  for (int call = 0; call < 40; ++call) watch_.Add(Call("b", "", 500 + call * 50, call % 2 == 1));
  EXPECT_EQ(RulesOf(Find()), std::vector<std::string>{"FailedCalls"}) << "just half";
  watch_.Add(Call("b", "", 9000));
  EXPECT_THAT(Find(), IsEmpty()) << "just below";
}

TEST_F(RunawayTest, OneAgentsFailuresAreNotDrownedByTheOthers) {
  for (int call = 0; call < 1000; ++call)
    watch_.Add(Call("busy", std::to_string(call), 100 + call));
  for (int call = 0; call < 30; ++call) watch_.Add(Call("broken", "", 100 + call * 9, true));
  ASSERT_EQ(Find().size(), 1U);
  EXPECT_EQ(Find()[0].agents, std::vector<std::string>{"broken"});
}

TEST_F(RunawayTest, ASpawningStorm) {
  EXPECT_THAT(watch_.Findings(kRules, 40, now_), IsEmpty());
  const auto findings = watch_.Findings(kRules, 41, now_);
  ASSERT_EQ(RulesOf(findings), std::vector<std::string>{"Agents"});
  EXPECT_THAT(findings[0].message, HasSubstr("41 workloads"));
  EXPECT_THAT(watch_.Findings({}, 4000, now_), IsEmpty()) << "no such rule";
}

TEST_F(RunawayTest, AnEchoThatGrows) {
  std::int64_t tokens = 300;
  for (int call = 0; call < 60; ++call) {
    watch_.Add(Call("a", "", tokens));
    tokens += 100;
    now_ += minutes(2);
  }
  const auto findings = watch_.Findings({}, 1, now_);
  ASSERT_EQ(RulesOf(findings), std::vector<std::string>{"GrowingContext"});
  EXPECT_THAT(findings[0].message, HasSubstr("grew in each of 60 calls from 300 to 6200 tokens"));
}

// A coding agent: its context grows by whatever its tools say, and is compacted.
TEST_F(RunawayTest, AnHonestCodingAgent) {
  std::mt19937 random(7);
  for (int session = 0; session < 200; ++session) {
    std::int64_t tokens = 15'000;
    for (int call = 0; call < 48; ++call) {
      watch_.Add(Call("coder", "session-" + std::to_string(session), tokens, call % 11 == 0));
      tokens += static_cast<std::int64_t>(std::exponential_distribution<>(1.0 / 3000)(random)) + 50;
      if (tokens > 160'000) tokens = 20'000;
      now_ += seconds(20);
      ASSERT_THAT(Find(), IsEmpty()) << session << ' ' << call;
    }
  }
}

// A classifier: thousands of short calls an hour, each its own task.
TEST_F(RunawayTest, AnHonestBatch) {
  for (int call = 0; call < 20'000; ++call) {
    watch_.Add(Call("classifier", "doc-" + std::to_string(call), 800));
    now_ += milliseconds(500);
    if (call % 100 != 0) continue;
    ASSERT_THAT(Find(), IsEmpty()) << call;
  }
  watch_.Forget(now_);
  EXPECT_LE(watch_.size(), 4 * RunawayWatch::kMostKeys);
}

// A monitor that asks the same once a minute for days, and one that answers people without tasks.
TEST_F(RunawayTest, AnHonestMonitorAndAnHonestHelper) {
  std::mt19937 random(3);
  for (int minute = 0; minute < 3 * 24 * 60; ++minute) {
    watch_.Add(Call("monitor", "", 2'000));
    for (int each = 0; each < 6; ++each)
      watch_.Add(Call("helper", "", 200 + static_cast<std::int64_t>(random() % 6000)));
    now_ += minutes(1);
    if (minute % 10 != 0) continue;
    ASSERT_THAT(Find(), IsEmpty()) << minute;
  }
}

TEST_F(RunawayTest, IsBoundedAndTellsFew) {
  for (int call = 0; call < 60'000; ++call) {
    watch_.Add(
        Call("agent-" + std::to_string(call), "task-" + std::to_string(call % 7000), 100, true));
    now_ += milliseconds(1);
  }
  EXPECT_LE(watch_.size(), 4 * RunawayWatch::kMostKeys);
  for (int task = 0; task < 30; ++task) {
    for (int call = 0; call < 60; ++call)
      watch_.Add(Call("a", "loop-" + std::to_string(task), 100 + call * 37));
  }
  EXPECT_EQ(RulesOf(Find()), (std::vector<std::string>{"CallsPerTask", "GrowingContext"}));
  EXPECT_EQ(Find().size(), 2U) << "of each rule an agent is told of once";
  watch_.Bound(10);
  EXPECT_LE(watch_.size(), 40U);
  now_ += hours(2);
  watch_.Forget(now_);
  EXPECT_EQ(watch_.size(), 0U);
}

}  // namespace
}  // namespace purser::policy
