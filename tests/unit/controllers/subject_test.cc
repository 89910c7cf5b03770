#include "controllers/agent_budget/subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

using testing::ElementsAre;

ResolvedScope Resolved(const api::ScopeSpec& scope) {
  return ResolveScope(scope, {PoolBuilder("b").Agent("two", 3).Share(),
                              PoolBuilder("a").Agent("one").Agent("three").Share()});
}

std::vector<std::string> Names(const std::vector<SubjectPointer>& subjects) {
  std::vector<std::string> names;
  for (const auto& subject : subjects) names.push_back(subject->name);
  return names;
}

TEST(SubjectTest, TotalIsOneOfAll) {
  const api::ScopeSpec scope{{"a", "b"}, {}, api::Per::kTotal};
  const auto subjects = SubjectsOf(scope, Resolved(scope), {});
  ASSERT_EQ(subjects.size(), 1u);
  EXPECT_EQ(subjects[0]->name, "");
  EXPECT_EQ(subjects[0]->pools.size(), 2u);
  EXPECT_THAT(subjects[0]->agents, ElementsAre("one", "three", "two"));
}

TEST(SubjectTest, EachPoolHasItsAgents) {
  const api::ScopeSpec scope{{"*"}, {}, api::Per::kPool};
  const auto subjects = SubjectsOf(scope, Resolved(scope), {});
  EXPECT_THAT(Names(subjects), ElementsAre("a", "b"));
  EXPECT_THAT(subjects[0]->agents, ElementsAre("one", "three"));
  EXPECT_FALSE(subjects[0]->whole_namespace);
}

TEST(SubjectTest, EachAgentIsAlone) {
  const api::ScopeSpec scope{{"a", "b"}, {}, api::Per::kAgent};
  const auto subjects = SubjectsOf(scope, Resolved(scope), {});
  EXPECT_THAT(Names(subjects), ElementsAre("one", "three", "two"));
  ASSERT_EQ(subjects[2]->pools.size(), 1u);
  EXPECT_EQ(subjects[2]->pools[0].key.name, "b");
  EXPECT_THAT(subjects[2]->pools[0].agents, ElementsAre("two"));
  EXPECT_THAT(subjects[2]->pools[0].agent_maxima, ElementsAre(3));
  EXPECT_THAT(subjects[2]->agents, ElementsAre("two"));
}

// What ran as `agent` until a minute, and what runs as him now.
ledger::Membership Was(const std::string& agent, const std::string& pool, const std::string& runs,
                       std::int64_t until) {
  return {"agents", agent, pool, ledger::kEver, until, runs};
}
ledger::Membership Is(const std::string& agent, const std::string& pool, const std::string& runs) {
  return {"agents", agent, pool, ledger::kEver, ledger::kStill, runs};
}

TEST(SubjectTest, WhoWasRenamedIsWhoHeWas) {
  for (const bool everywhere : {false, true}) {
    const std::vector<std::string> pools =
        everywhere ? std::vector<std::string>{"*"} : std::vector<std::string>{"a", "b"};
    const api::ScopeSpec scope{pools, {}, api::Per::kAgent};
    const auto resolved = ResolveScope(
        scope,
        {PoolBuilder("b").Agent("two", 3).Share(),
         PoolBuilder("a").Agent("one").Agent("three").Share()},
        {Is("one", "a", "w1"), Is("three", "a", "w3"), Is("two", "b", "w2"),
         Was("first", "b", "w1", 70), Was("second", "a", "w1", 90), Was("gone", "a", "w4", 80),
         // Of one who is there still, all is his own.
         Was("two", "a", "w3", 60), Was("unknown", "a", "", 50)});
    const auto subjects = SubjectsOf(scope, resolved, {});
    ASSERT_THAT(Names(subjects), ElementsAre("one", "three", "two"));
    EXPECT_THAT(subjects[0]->agents, ElementsAre("one"));
    EXPECT_THAT(subjects[0]->spans, ElementsAre(ledger::AgentSpan{"first", ledger::kEver, 70},
                                                ledger::AgentSpan{"second", ledger::kEver, 90}));
    EXPECT_TRUE(subjects[1]->spans.empty());
    EXPECT_TRUE(subjects[2]->spans.empty());
  }
}

TEST(SubjectTest, WhoIsAsBeforeIsTheSame) {
  const api::ScopeSpec scope{{"a", "b"}, {}, api::Per::kAgent};
  const auto before = SubjectsOf(scope, Resolved(scope), {});
  const auto after =
      SubjectsOf(scope,
                 ResolveScope(scope, {PoolBuilder("b").Agent("two", 4).Share(),
                                      PoolBuilder("a").Agent("one").Agent("three").Share()}),
                 before);
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  EXPECT_NE(after[2], before[2]);
}

TEST(SubjectTest, AnIdIsReadBack) {
  const kube::ObjectKey key{"agents", "daily"};
  for (const std::string name : {"", "writer", "a/b c", "x/"})
    EXPECT_EQ(ParseRowId(RowId(key, name)), std::pair(key, name));
}

}  // namespace
}  // namespace purser::controllers
