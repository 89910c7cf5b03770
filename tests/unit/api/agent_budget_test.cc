#include "api/agent_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/codec.h"
#include "unit/api/decode_json.h"

namespace purser::api {
namespace {

using ::testing::HasSubstr;

TEST(AgentBudgetTest, TheSmallestSpecGetsEveryDefault) {
  const auto budget = BudgetWithSpec(R"({"limit":"50","scope":{"pools":["research"]}})");
  ASSERT_TRUE(budget.ok());
  ASSERT_EQ(budget->invalid, std::nullopt);
  AgentBudgetSpec want;
  want.limit = Money::FromNanos(50'000'000'000);
  want.window = {Period::kDay, "UTC", Weekday::kMonday};
  want.scope.pools = {"research"};
  want.thresholds = {{80, Action::kThrottle}, {100, Action::kStop}};
  want.source = "default";
  want.mode = Mode::kEnforce;
  want.burn_rates = {{"a-quarter-of-the-day", 25, std::chrono::hours(1), Action::kNotify, {}, {}}};
  EXPECT_EQ(budget->spec, want);
}

TEST(AgentBudgetTest, EveryFieldIsRead) {
  const auto budget = BudgetWithSpec(R"({
    "limit": "0.25", "unit": "USD",
    "window": {"type": "Calendar", "period": "Week", "timeZone": "America/New_York", "weekStart": "Sunday"},
    "scope": {"pools": ["a", "b.c"], "agents": ["Research Agent 7", "日本"], "models": [], "tasks": [],
              "workflows": [], "per": "Total"},
    "thresholds": [{"percent": 110, "action": "Stop"}, {"percent": 50, "action": "Notify"},
                   {"percent": 90, "action": "RefuseNewWork"}, {"percent": 70, "action": "Throttle"}],
    "burnRates": [], "source": "gateway-1", "onSourceLoss": {"action": "Stop", "afterSeconds": 0},
    "onUnpriced": "Ignore", "onDoubt": "Count", "mode": "Audit", "stopPolicy": "AtCeiling"})",
                                     UnknownFields::kReject);
  ASSERT_TRUE(budget.ok());
  ASSERT_EQ(budget->invalid, std::nullopt);
  AgentBudgetSpec want;
  want.limit = Money::FromNanos(250'000'000);
  want.window = {Period::kWeek, "America/New_York", Weekday::kSunday};
  want.scope = {{"a", "b.c"}, {"Research Agent 7", "日本"}};
  want.thresholds = {{50, Action::kNotify},
                     {70, Action::kThrottle},
                     {90, Action::kRefuseNewWork},
                     {110, Action::kStop}};
  want.source = "gateway-1";
  want.on_source_loss = {SourceLossAction::kStop, 0};
  want.on_unpriced = OnUnpriced::kIgnore;
  want.on_doubt = OnDoubt::kCount;
  want.mode = Mode::kAudit;
  EXPECT_EQ(budget->spec, want);
}

TEST(AgentBudgetTest, TokensOverTheLastHours) {
  const auto budget = BudgetWithSpec(R"({
    "burnRates": [{"name": "burst", "percent": 50, "within": "10m", "action": "Throttle", "floor": "7"}],
    "limit": "999999999999999", "limits": [{"agent": "a", "limit": "12"}],
    "tokens": {"kind": "Input", "cached": "Ignore"}, "window": {"type": "Rolling", "period": "5h"},
    "scope": {"pools": ["a"], "models": ["m"], "tasks": ["t"], "workflows": ["w"], "per": "Agent"},
    "thresholds": [{"percent": 50, "action": "Downgrade"}], "unit": "Tokens"})",
                                     UnknownFields::kReject);
  ASSERT_TRUE(budget.ok());
  ASSERT_EQ(budget->invalid, std::nullopt);
  const auto& spec = budget->spec;
  EXPECT_EQ(spec.limit, Quantity::Of(999'999'999'999'999));
  EXPECT_EQ(spec.limits[0].limit, Quantity::Of(12));
  EXPECT_EQ(spec.tokens, (TokensSpec{TokenKind::kInput, CachedTokens::kIgnore}));
  EXPECT_EQ(spec.window.type, WindowType::kRolling);
  EXPECT_EQ(spec.window.length, std::chrono::hours(5));
  EXPECT_EQ(spec.scope.models, std::vector<std::string>{"m"});
  EXPECT_EQ(spec.thresholds[0].action, Action::kDowngrade);
  ASSERT_EQ(spec.burn_rates.size(), 1u);
  EXPECT_EQ(spec.burn_rates[0].floor, Quantity::Of(7));
  EXPECT_EQ(ConfirmWithin(spec.burn_rates[0]), std::chrono::minutes(1));
}

TEST(AgentBudgetTest, NullMeansAbsentAndUnknownFieldsMayBeIgnored) {
  const auto budget = BudgetWithSpec(
      R"({"limit":"1","scope":{"pools":["*"],"agents":null},"thresholds":null,"burnRates":null,"later":1})");
  ASSERT_TRUE(budget.ok());
  EXPECT_EQ(budget->invalid, std::nullopt);
  EXPECT_EQ(budget->spec.thresholds.size(), 2u);
}

struct RefusedCase {
  std::string name;
  std::string spec;
  std::vector<std::string> want;  // all are part of `invalid`
};

// A whole spec around one field.
std::string With(const std::string& field) {
  return R"({"limit":"50","scope":{"pools":["research"]},)" + field + "}";
}
std::string WithScope(const std::string& scope) {
  return R"({"limit":"50","scope":)" + scope + "}";
}
std::string WithThresholds(const std::string& list) { return With("\"thresholds\":" + list); }

TEST(AgentBudgetTest, WhatIsRefusedNamesFieldValueAndWayOut) {
  const std::vector<RefusedCase> cases = {
      {"no limit", R"({"scope":{"pools":["a"]}})", {"spec.limit: is required", "\"50\""}},
      {"limit null", R"({"limit":null,"scope":{"pools":["a"]}})", {"spec.limit: is required"}},
      {"limit a number",
       R"({"limit":50,"scope":{"pools":["a"]}})",
       {"spec.limit: 50 is not text", "\"50\""}},
      {"limit a fraction",
       R"({"limit":50.5,"scope":{"pools":["a"]}})",
       {"spec.limit: 50.5 is not text"}},
      {"limit an object",
       R"({"limit":{},"scope":{"pools":["a"]}})",
       {"spec.limit: an object is not text"}},
      {"limit negative",
       R"({"limit":"-1","scope":{"pools":["a"]}})",
       {"spec.limit: \"-1\"", "no sign"}},
      {"limit with sign of money",
       R"({"limit":"$5","scope":{"pools":["a"]}})",
       {"spec.limit: \"$5\""}},
      {"limit too large",
       R"({"limit":"1000000000","scope":{"pools":["a"]}})",
       {"spec.limit", "9 digits"}},
      {"limit given twice",
       R"({"limit":"5","limit":"6","scope":{"pools":["a"]}})",
       {"spec.limit: given twice"}},
      {"no scope", R"({"limit":"50"})", {"spec.scope: is required", "{pools: [\"*\"]}"}},
      {"empty scope",
       WithScope("{}"),
       {"spec.scope: an empty scope is refused", "{pools: [\"*\"]}"}},
      {"empty lists",
       WithScope(R"({"pools":[],"agents":[]})"),
       {"spec.scope: an empty scope is refused"}},
      {"scope a list", WithScope("[]"), {"spec.scope: want an object, got a list"}},
      {"pools a text", WithScope(R"({"pools":"a"})"), {"spec.scope.pools: want a list, got \"a\""}},
      {"pool name",
       WithScope(R"({"pools":["a","B"]})"),
       {"spec.scope.pools[1]: \"B\": want the name"}},
      {"pool twice",
       WithScope(R"({"pools":["a","a"]})"),
       {"spec.scope.pools[1]: \"a\" is listed twice"}},
      {"star and more",
       WithScope(R"({"pools":["*","a"]})"),
       {"spec.scope.pools: \"*\" must stand alone"}},
      {"star as agent",
       WithScope(R"({"pools":["a"],"agents":["*"]})"),
       {"spec.scope.agents", "leave agents out"}},
      {"agent with space", WithScope(R"({"agents":[" a"]})"), {"spec.scope.agents[0]: \" a\""}},
      {"limits of agents that share one",
       With(R"("limits":[{"agent":"a","limit":"1"}])"),
       {"spec.limits: needs scope.per: Agent"}},
      {"two limits of an agent",
       R"({"limit":"50","scope":{"pools":["a"],"per":"Agent"},
           "limits":[{"agent":"a","limit":"1"},{"agent":"b","limit":"2"},{"agent":"a","limit":"3"}]})",
       {"spec.limits[2].agent: \"a\" has a limit in an earlier entry"}},
      {"limit of nobody",
       R"({"limit":"50","scope":{"pools":["a"],"per":"Agent"},"limits":[{"limit":"1"}]})",
       {"spec.limits[0].agent: is required"}},
      {"period of a calendar",
       With(R"("window":{"period":"24h"})"),
       {"spec.window.period: a Calendar window has period Hour, Day", "type: Rolling"}},
      {"period unknown",
       With(R"("window":{"period":"Year"})"),
       {"spec.window.period: \"Year\": want Hour, Day"}},
      {"rolling without a period",
       With(R"("window":{"type":"Rolling"})"),
       {"spec.window.period: a Rolling window has a duration of whole minutes from 5m to 2160h"}},
      {"rolling too long",
       With(R"("window":{"type":"Rolling","period":"2161h"})"),
       {"spec.window.period: a Rolling window"}},
      {"since of a day",
       With(R"("window":{"since":"2026-11-01T00:00:00Z"})"),
       {"spec.window.since: goes with type: Lifetime"}},
      {"since unreadable",
       With(R"("window":{"type":"Lifetime","since":"now"})"),
       {"spec.window.since: \"now\": want a time such as"}},
      {"half a token",
       R"({"limit":"0.5","unit":"Tokens","scope":{"pools":["a"]}})",
       {"spec.limit: \"0.5\": want a whole number"}},
      {"half a token of an agent",
       R"({"limit":"5","unit":"Tokens","scope":{"pools":["a"],"per":"Agent"},
           "limits":[{"agent":"a","limit":"0.5"}]})",
       {"spec.limits[0].limit: \"0.5\": want a whole number"}},
      {"burn rate twice",
       With(R"("burnRates":[{"name":"a","percent":20,"within":"24h"},
                            {"name":"a","percent":10,"within":"1h"}])"),
       {"spec.burnRates[1].name: \"a\" is the name of an earlier rule"}},
      {"burn rate of a minute",
       With(R"("burnRates":[{"name":"a","percent":20,"within":"1m"}])"),
       {"spec.burnRates[0].within: \"1m\" is not between 5m and 840h"}},
      {"burn rate that confirms later",
       With(R"("burnRates":[{"name":"a","percent":20,"within":"5m","confirmWithin":"10m"}])"),
       {"spec.burnRates[0].confirmWithin: is the shorter of the two times"}},
      {"burn rate's floor",
       With(R"("burnRates":[{"name":"a","percent":20,"within":"5m","floor":"-1"}])"),
       {"spec.burnRates[0].floor: \"-1\""}},
      {"unit unknown",
       With(R"("unit":"usd")"),
       {"spec.unit: \"usd\" is not one of USD", "did you mean \"USD\"?"}},
      {"zone",
       With(R"("window":{"timeZone":"New York"})"),
       {"spec.window.timeZone: \"New York\"", "IANA"}},
      {"week start",
       With(R"("window":{"weekStart":"Mon"})"),
       {"spec.window.weekStart: \"Mon\" is not one of Monday"}},
      {"thresholds empty",
       WithThresholds("[]"),
       {"spec.thresholds: is empty", "80 Throttle and 100 Stop"}},
      {"percent 0",
       WithThresholds(R"([{"percent":0,"action":"Stop"}])"),
       {"spec.thresholds[0].percent: 0", "1 to 1000"}},
      {"percent 1001",
       WithThresholds(R"([{"percent":1001,"action":"Stop"}])"),
       {"spec.thresholds[0].percent: 1001"}},
      {"percent a text",
       WithThresholds(R"([{"percent":"80","action":"Stop"}])"),
       {"spec.thresholds[0].percent: \"80\" is not a whole number", "without quotes"}},
      {"percent a fraction",
       WithThresholds(R"([{"percent":80.5,"action":"Stop"}])"),
       {"spec.thresholds[0].percent: 80.5 is not a whole number"}},
      {"percent huge",
       WithThresholds(R"([{"percent":18446744073709551615,"action":"Stop"}])"),
       {"spec.thresholds[0].percent: 18446744073709551615 is not a whole number"}},
      {"no percent",
       WithThresholds(R"([{"action":"Stop"}])"),
       {"spec.thresholds[0].percent: is required"}},
      {"no action",
       WithThresholds(R"([{"percent":80}])"),
       {"spec.thresholds[0].action: is required"}},
      {"percent twice",
       WithThresholds(R"([{"percent":80,"action":"Notify"},{"percent":80,"action":"Stop"}])"),
       {"spec.thresholds[1].percent: 80 is the percent of an earlier threshold"}},
      {"weaker above stronger",
       WithThresholds(R"([{"percent":90,"action":"Notify"},{"percent":80,"action":"Stop"}])"),
       {"spec.thresholds[0].action: Notify at 90 percent is weaker than Stop at 80",
        "no weaker action above"}},
      {"action unknown",
       WithThresholds(R"([{"percent":80,"action":"Thottle"}])"),
       {"spec.thresholds[0].action: \"Thottle\" is not one of", "did you mean \"Throttle\"?"}},
      {"source name",
       With(R"("source":"http://prometheus")"),
       {"spec.source: \"http://prometheus\""}},
      {"source loss",
       With(R"("onSourceLoss":{"action":"Release"})"),
       {"spec.onSourceLoss.action: \"Release\" is not one of Hold, Throttle, Stop"}},
      {"source loss after",
       With(R"("onSourceLoss":{"afterSeconds":86401})"),
       {"spec.onSourceLoss.afterSeconds: 86401"}},
      {"unpriced",
       With(R"("onUnpriced":"Guess")"),
       {"spec.onUnpriced: \"Guess\" is not one of Estimate, Ignore, Stop"}},
      {"doubt", With(R"("onDoubt":"Ask")"), {"spec.onDoubt: \"Ask\" is not one of Hold, Count"}},
      {"mode", With(R"("mode":"DryRun")"), {"spec.mode: \"DryRun\" is not one of Enforce, Audit"}},
      {"mode a list", With(R"("mode":[])"), {"spec.mode: a list is not text"}},
      {"stop policy",
       With(R"("stopPolicy":"ReserveInFlight")"),
       {"spec.stopPolicy: \"ReserveInFlight\" is not implemented yet; use AtCeiling"}},
      {"spec a text", R"("x")", {"spec: want an object, got \"x\""}},
      {"several at once",
       R"({"limit":5,"scope":{},"mode":"x","unit":"Euro","source":"S"})",
       {"spec.limit: 5", "; spec.mode: ", "; spec.unit: ", "(and 2 more)"}},
  };
  for (const auto& c : cases) {
    const auto budget = BudgetWithSpec(c.spec);
    ASSERT_TRUE(budget.ok()) << c.name;
    ASSERT_TRUE(budget->invalid.has_value()) << c.name;
    for (const auto& want : c.want) EXPECT_THAT(*budget->invalid, HasSubstr(want)) << c.name;
  }
}

TEST(AgentBudgetTest, UnknownFieldsAreRejectedOnRequest) {
  const std::vector<RefusedCase> cases = {
      {"near",
       R"({"limit":"1","scope":{"pools":["*"]},"modee":"Audit"})",
       {"spec.modee: unknown field; did you mean \"mode\"?"}},
      {"far",
       R"({"limit":"1","scope":{"pools":["*"]},"colour":1})",
       {"spec.colour: unknown field; known here: limit, unit"}},
      {"nested",
       R"({"limit":"1","scope":{"pool":["*"]}})",
       {"spec.scope.pool: unknown field; did you mean \"pools\"?"}},
  };
  for (const auto& c : cases) {
    const auto budget = BudgetWithSpec(c.spec, UnknownFields::kReject);
    ASSERT_TRUE(budget.ok()) << c.name;
    for (const auto& want : c.want)
      EXPECT_THAT(budget->invalid.value_or(""), HasSubstr(want)) << c.name;
  }
}

TEST(AgentBudgetTest, ListsAreBounded) {
  std::string pools = "\"p0\"", thresholds = R"({"percent":1,"action":"Stop"})";
  for (int i = 1; i <= 256; ++i) pools += ",\"p" + std::to_string(i) + "\"";
  for (int i = 2; i <= 17; ++i)
    thresholds += R"(,{"percent":)" + std::to_string(i) + R"(,"action":"Stop"})";
  EXPECT_THAT(BudgetWithSpec(WithScope("{\"pools\":[" + pools + "]}"))->invalid.value_or(""),
              HasSubstr("spec.scope.pools: has 257 entries; at most 256"));
  EXPECT_THAT(BudgetWithSpec(WithThresholds("[" + thresholds + "]"))->invalid.value_or(""),
              HasSubstr("spec.thresholds: has 17 entries; at most 16"));
}

TEST(AgentBudgetTest, AnInvalidSpecKeepsMetadataAndStatus) {
  const auto budget = BudgetOf(
      R"({"apiVersion":"purser.dev/v1alpha1","kind":"AgentBudget","metadata":{"name":"b","namespace":"n"},
          "spec":{"limit":"x","scope":{"pools":["*"]}},"status":{"state":"Stopped"}})");
  ASSERT_TRUE(budget.ok());
  EXPECT_TRUE(budget->invalid.has_value());
  EXPECT_EQ(budget->meta.key().ToString(), "n/b");
  EXPECT_EQ(budget->status.state, "Stopped");
}

TEST(AgentBudgetTest, AStatusOfAnotherVersionDoesNoHarm) {
  const auto budget = BudgetOf(
      R"({"metadata":{"name":"b"},"spec":{"limit":"1","scope":{"pools":["*"]}},
          "status":{"state":7,"spent":"1.5","agents":{},"conditions":[3,{"type":"Ready"}],"later":true}})");
  ASSERT_TRUE(budget.ok());
  EXPECT_EQ(budget->invalid, std::nullopt);
  EXPECT_EQ(budget->status.spent, "1.5");
  EXPECT_EQ(budget->status.state, "");
}

TEST(AgentBudgetTest, NamesOfChoices) {
  EXPECT_EQ(ToString(Action::kNotify), "Notify");
  EXPECT_EQ(ToString(Action::kThrottle), "Throttle");
  EXPECT_EQ(ToString(Action::kRefuseNewWork), "RefuseNewWork");
  EXPECT_EQ(ToString(Action::kStop), "Stop");
  EXPECT_EQ(ToString(Period::kMonth), "Month");
  EXPECT_EQ(ToString(Weekday::kSunday), "Sunday");
}

}  // namespace
}  // namespace purser::api
