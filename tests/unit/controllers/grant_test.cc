#include "controllers/agent_budget_override/grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"

namespace purser::controllers {
namespace {

using testing::HasSubstr;

const Timestamp kNoon = *ParseRfc3339("2026-11-27T12:00:00Z");
const Timestamp kMidnight = *ParseRfc3339("2026-11-28T00:00:00Z");

api::AgentBudget Budget() {
  api::AgentBudget budget;
  budget.meta.ns = "agents";
  budget.meta.name = "daily";
  budget.spec.limit = Money::FromNanos(50'000'000'000);
  return budget;
}

api::AgentBudgetOverride Asked(const std::string& add) {
  api::AgentBudgetOverride one;
  one.meta.ns = "agents";
  one.meta.name = "on-call";
  one.meta.annotations[api::kRequestedBy] = "alice";
  one.spec.budget = "daily";
  one.spec.add = add;
  one.spec.reason = "incident 4711";
  one.spec.until_reset = true;
  return one;
}

api::AgentBudgetOverride Approved(api::AgentBudgetOverride one, const char* status = "True") {
  one.status.conditions = {{"Approved", status, "", "", FormatUtc(kNoon), 0}};
  one.status.approved_by = "bob";
  return one;
}

Quantity LimitOf(const std::vector<api::AgentBudgetOverride>& overrides, Timestamp now,
                 const std::string& subject = "", api::AgentBudget budget = Budget()) {
  std::vector<std::shared_ptr<const api::AgentBudgetOverride>> shared;
  for (const auto& one : overrides)
    shared.push_back(std::make_shared<const api::AgentBudgetOverride>(one));
  return LimitWith(budget.spec.limit, GrantsOf(shared, budget, now), subject);
}

Money Dollars(std::int64_t dollars) { return Money::FromNanos(dollars * Money::kNanosPerDollar); }

TEST(GrantTest, ItCountsOnceApprovedAndUntilTheResetToTheMillisecond) {
  const auto asked = Asked("20");
  EXPECT_EQ(LimitOf({asked}, kNoon), Dollars(50));
  const auto budget = Budget();
  EXPECT_EQ(OutcomeOf(asked, &budget, kNoon).state, "Requested");
  const auto approved = Approved(asked);
  EXPECT_EQ(LimitOf({approved}, kNoon), Dollars(70));
  EXPECT_EQ(LimitOf({approved}, kMidnight - Duration(1)), Dollars(70));
  EXPECT_EQ(LimitOf({approved}, kMidnight), Dollars(50));
  EXPECT_EQ(OutcomeOf(approved, &budget, kMidnight).state, "Expired");
  EXPECT_EQ(LimitOf({Approved(asked, "False")}, kNoon), Dollars(50));
  EXPECT_EQ(OutcomeOf(Approved(asked, "False"), &budget, kNoon).state, "Denied");
  auto nameless = approved;
  nameless.status.approved_by = "";
  EXPECT_EQ(OutcomeOf(nameless, &budget, kNoon).state, "Requested");
  EXPECT_EQ(OutcomeOf(approved, nullptr, kNoon).reason, "BudgetNotFound");
}

TEST(GrantTest, SeveralAddUpAndTheLargestThatIsSetIsTheLimit) {
  auto set = Approved(Asked(""));
  set.spec.set = "80";
  auto less = set;
  less.spec.set = "60";
  EXPECT_EQ(LimitOf({Approved(Asked("20")), Approved(Asked("5"))}, kNoon), Dollars(75));
  EXPECT_EQ(LimitOf({set, less, Approved(Asked("5"))}, kNoon), Dollars(85));
}

TEST(GrantTest, OfOneAgentAlone) {
  auto one = Approved(Asked("20"));
  one.spec.agent = "writer";
  EXPECT_EQ(LimitOf({one}, kNoon, "writer"), Dollars(50)) << "nobody has a limit of his own";
  auto budget = Budget();
  EXPECT_EQ(OutcomeOf(one, &budget, kNoon).reason, "NotPerAgent");
  budget.spec.scope.per = api::Per::kAgent;
  EXPECT_EQ(LimitOf({one}, kNoon, "writer", budget), Dollars(70));
  EXPECT_EQ(LimitOf({one}, kNoon, "reader", budget), Dollars(50));
}

TEST(GrantTest, AWindowWithoutAResetHasItsOwnEnd) {
  auto budget = Budget();
  budget.spec.window.type = api::WindowType::kRolling;
  budget.spec.window.length = std::chrono::hours(5);
  const auto one = Approved(Asked("20"));
  EXPECT_EQ(OutcomeOf(one, &budget, kNoon).until, kNoon + std::chrono::hours(5));
  budget.spec.window.type = api::WindowType::kLifetime;
  EXPECT_EQ(OutcomeOf(one, &budget, kNoon).until, std::nullopt);
  EXPECT_EQ(OutcomeOf(one, &budget, kNoon + std::chrono::hours(9999)).state, "Active");
}

TEST(GrantTest, ABudgetOfTokensIsGivenTokens) {
  auto budget = Budget();
  budget.spec.unit = Unit::kTokens;
  budget.spec.limit = Quantity::Of(1000);
  EXPECT_EQ(LimitOf({Approved(Asked("20"))}, kNoon, "", budget), Quantity::Of(1020));
  EXPECT_EQ(OutcomeOf(Approved(Asked("0.5")), &budget, kNoon).reason, "NotInItsUnit");
}

TEST(GrantTest, PeopleAreTold) {
  const auto grants = GrantsOf(
      {std::make_shared<const api::AgentBudgetOverride>(Approved(Asked("20")))}, Budget(), kNoon);
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].text,
            "on-call: $20 more until 2026-11-28T00:00:00Z (asked by alice, approved by bob): "
            "incident 4711");
}

std::vector<std::shared_ptr<const api::AgentBudgetOverride>> Shared(
    const api::AgentBudgetOverride& one) {
  return {std::make_shared<const api::AgentBudgetOverride>(one)};
}

TEST(RequestTest, ARequestBuysTimeWhereTheBudgetLetsItsAgentsAsk) {
  auto budget = Budget();
  auto asked = Asked("20");
  asked.created = kNoon;
  EXPECT_TRUE(RequestsOf(Shared(asked), budget, kNoon).empty()) << "nobody may ask";
  EXPECT_EQ(OutcomeOf(asked, &budget, kNoon).reason, "NotApproved");
  budget.spec.allow_requests = {900, Dollars(5)};
  const auto until = kNoon + std::chrono::minutes(15);
  const auto requests = RequestsOf(Shared(asked), budget, until - Duration(1));
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].until, until);
  EXPECT_EQ(OutcomeOf(asked, &budget, kNoon).state, "Requested");
  EXPECT_THAT(OutcomeOf(asked, &budget, kNoon).message,
              HasSubstr("throttled rather than stopped until 2026-11-27T12:15:00Z, or $5 beyond"));
  EXPECT_TRUE(RequestsOf(Shared(asked), budget, until).empty());
  EXPECT_TRUE(RequestsOf(Shared(Approved(asked, "False")), budget, kNoon).empty());
  EXPECT_TRUE(RequestsOf(Shared(Approved(asked)), budget, kNoon).empty()) << "it has what it asked";
}

TEST(RequestTest, ABudgetTellsThoseThatCountAndThoseThatWait) {
  const auto budget = Budget();
  const auto told = OverridesTold(Shared(Approved(Asked("20"))), budget, kNoon, 20);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], (api::OverrideTold{"on-call", "", "Active", "20", "", "alice", "bob",
                                        "incident 4711", "2026-11-28T00:00:00Z"}));
  const auto waits = OverridesTold(Shared(Asked("20")), budget, kNoon, 20);
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0].state, "Requested");
  EXPECT_TRUE(OverridesTold(Shared(Approved(Asked("20"), "False")), budget, kNoon, 20).empty());
  EXPECT_TRUE(OverridesTold(Shared(Approved(Asked("20"))), budget, kMidnight, 20).empty());
}

}  // namespace
}  // namespace purser::controllers
