#include "gate/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate_builders.h"

namespace purser::gate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GateTest : public testing::Test {
 protected:
  GateTest() {
    gate_.Put(AgentOf("a"));
    gate_.Put(AgentOf("b"));
    gate_.Put(PoolOf("pool", 100));
    gate_.Put(RowOf("all", 100));
  }

  Answer Ask(Request request) { return gate_.Ask(std::move(request), now_, books_).answer; }
  Answer WaitFor(Request request) {
    request.waits = true;
    return Ask(std::move(request));
  }
  // Settled, booked and stored.
  void Settle(const std::string& id, std::int64_t nanos) {
    const auto settlement = gate_.Settle(id, Cost(nanos), now_);
    ASSERT_TRUE(settlement.ok()) << settlement.error().message();
    books_.booked["team/all"] += Quantity(settlement->book.cost);
    gate_.Done(id);
  }
  std::vector<std::string> Served() {
    std::vector<std::string> ids;
    for (const auto& answer : gate_.Serve("team", now_, books_)) {
      if (answer.decision == Decision::kAllow) ids.push_back(answer.id);
    }
    return ids;
  }

  Gate gate_;
  HandBooks books_;
  Timestamp now_ = kNoon;
};

TEST_F(GateTest, ReservesTheEstimateAgainstEveryRowThatCovers) {
  gate_.Put(RowOf("mine", 50, {"a"}));
  gate_.Put(RowOf("theirs", 50, {"b"}));
  const auto answer = Ask(Call("a", "1", 30));
  EXPECT_EQ(answer.decision, Decision::kAllow);
  EXPECT_EQ(answer.reserved.cost, Money::FromNanos(30));
  EXPECT_EQ(answer.expires, now_ + minutes(1));
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(30));
  EXPECT_EQ(gate_.Reserved("team/mine"), Quantity::Of(30));
  EXPECT_EQ(gate_.Reserved("team/theirs"), Quantity());
  EXPECT_EQ(gate_.InFlight("team", "a"), 1);
}

TEST_F(GateTest, TheLastCentIsForOneCallAlone) {
  books_.booked["team/all"] = Quantity::Of(99);
  EXPECT_EQ(Ask(Call("a", "1", 1)).decision, Decision::kAllow);
  const auto second = Ask(Call("b", "2", 1));
  EXPECT_EQ(second.decision, Decision::kQueue);
  EXPECT_EQ(second.reason, "BudgetReserved");
  EXPECT_EQ(second.budget, "team/all");
}

TEST_F(GateTest, RefusesWhatIsMoreThanIsLeftUntilTheReset) {
  books_.booked["team/all"] = Quantity::Of(80);
  const auto answer = Ask(Call("a", "1", 21));
  EXPECT_EQ(answer.decision, Decision::kRefuse);
  EXPECT_EQ(answer.reason, "BudgetExhausted");
  EXPECT_EQ(answer.budget, "team/all");
  EXPECT_EQ(answer.resets_at, kNoon + hours(12));
  EXPECT_EQ(answer.retry_after, Duration(hours(12)));
  EXPECT_THAT(answer.message, HasSubstr("it resets at 2019-12-21T00:00:00Z"));
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity());
}

TEST_F(GateTest, OfSeveralBudgetsNamesTheOneThatTakesLongest) {
  auto longer = RowOf("month", 10);
  longer.resets_at = kNoon + hours(400);
  gate_.Put(longer);
  auto never = RowOf("ever", 10);
  never.resets_at = std::nullopt;
  books_.booked["team/all"] = books_.booked["team/month"] = Quantity::Of(100);
  EXPECT_EQ(Ask(Call("a", "1", 1)).budget, "team/month");
  gate_.Put(never);
  books_.booked["team/ever"] = Quantity::Of(10);
  const auto answer = Ask(Call("a", "2", 1));
  EXPECT_EQ(answer.budget, "team/ever");
  EXPECT_EQ(answer.resets_at, std::nullopt);
}

TEST_F(GateTest, ABudgetOfZeroAllowsNotEvenWhatIsFree) {
  gate_.Put(RowOf("none", 0));
  EXPECT_EQ(Ask(Call("a", "1", 0)).decision, Decision::kRefuse);
}

TEST_F(GateTest, ABudgetThatStopsNobodyRefusesNobody) {
  auto row = RowOf("all", 0);
  row.ceiling = std::nullopt;
  gate_.Put(row);
  EXPECT_EQ(Ask(Call("a", "1", 1000)).decision, Decision::kAllow);
}

TEST_F(GateTest, WaitsWhileSpendIsNotKnown) {
  books_.unknown["team/all"] = true;
  EXPECT_EQ(Ask(Call("a", "1", 1)).reason, "SpendUnknown");
}

TEST_F(GateTest, TheFactTakesTheEstimatesPlaceOnceItIsBooked) {
  const auto id = Ask(Call("a", "1", 60)).id;
  const auto settlement = gate_.Settle(id, Cost(10), now_);
  ASSERT_TRUE(settlement.ok());
  EXPECT_EQ(settlement->book, Cost(10));
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60)) << "until it is stored";
  EXPECT_EQ(gate_.InFlight("team", "a"), 0) << "the call is over";
  books_.booked["team/all"] = Quantity::Of(10);
  gate_.Done(id);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity());
  EXPECT_EQ(Ask(Call("b", "2", 90)).decision, Decision::kAllow);
}

TEST_F(GateTest, AFactAboveItsEstimateCountsWholeAtOnce) {
  const auto id = Ask(Call("a", "1", 10)).id;
  ASSERT_TRUE(gate_.Settle(id, Cost(70), now_).ok());
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(70));
}

TEST_F(GateTest, AnEndThatCannotBeStoredIsNone) {
  const auto id = Ask(Call("a", "1", 60)).id;
  ASSERT_TRUE(gate_.Settle(id, Cost(10), now_).ok());
  EXPECT_EQ(gate_.Settle(id, Cost(10), now_).error().code(), ErrorCode::kUnavailable);
  gate_.Failed(id);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60));
  EXPECT_EQ(gate_.InFlight("team", "a"), 1);
  EXPECT_TRUE(gate_.Settle(id, Cost(10), now_).ok());
}

TEST_F(GateTest, SettlesOnce) {
  const auto id = Ask(Call("a", "1", 60)).id;
  Settle(id, 10);
  const auto again = gate_.Settle(id, Cost(10), now_);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->already);
  EXPECT_EQ(gate_.Settle(id, Cost(11), now_).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(gate_.Cancel(id, now_).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(gate_.Settle("nobody", Cost(1), now_).error().code(), ErrorCode::kNotFound);
}

TEST_F(GateTest, ACancelledCallCostsNothingUnlessItIsMadeAfterAll) {
  const auto id = Ask(Call("a", "1", 60)).id;
  ASSERT_TRUE(gate_.Cancel(id, now_).ok());
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60)) << "until it is stored";
  gate_.Done(id);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity());
  EXPECT_TRUE(gate_.Cancel(id, now_)->already);
  const auto late = gate_.Settle(id, Cost(5), now_);
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late->book, Cost(5));
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60));
}

TEST_F(GateTest, WhatExpiresIsBookedAtItsEstimateUntilTheFactComes) {
  const auto id = Ask(Call("a", "1", 60)).id;
  EXPECT_THAT(gate_.Expire(now_ + seconds(59)), IsEmpty());
  const auto expired = gate_.Expire(now_ + minutes(1));
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].book, Cost(60));
  EXPECT_EQ(expired[0].reservation.phase, Phase::kLapsed);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60));
  EXPECT_EQ(gate_.InFlight("team", "a"), 0);
  books_.booked["team/all"] = Quantity::Of(60);
  gate_.Done(id);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity());

  const auto late = gate_.Settle(id, Cost(25), now_ + hours(2));
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late->book.cost, Money::FromNanos(-35));
  EXPECT_EQ(late->book.calls, 0);
}

TEST_F(GateTest, AClockSetBackKeepsNothingOpenForEver) {
  Ask(Call("a", "1", 60));
  EXPECT_THAT(gate_.Expire(now_ - hours(24 * 30)), IsEmpty());
  EXPECT_EQ(gate_.Expire(now_ - hours(24 * 30) + hours(1)).size(), 1U);
}

TEST_F(GateTest, TheSameKeyIsTheSameQuestion) {
  const auto first = Ask(Call("a", "1", 60));
  const auto second = Ask(Call("a", "1", 60));
  EXPECT_EQ(second.decision, Decision::kAllow);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60));
  EXPECT_EQ(Ask(Call("b", "1", 60)).reason, "KeyReused");
  Settle(first.id, 1);
  EXPECT_EQ(Ask(Call("a", "1", 60)).reason, "AlreadyEnded");
}

TEST_F(GateTest, KeysOfOtherNamespacesAreOthers) {
  auto agent = AgentOf("a");
  agent.ns = "others";
  gate_.Put(agent);
  Ask(Call("a", "1", 60));
  auto other = Call("a", "1", 60);
  other.ns = "others";
  other.id = "another";
  EXPECT_EQ(Ask(other).id, "another");
  EXPECT_EQ(gate_.Reserved("team/all"), Quantity::Of(60));
}

TEST_F(GateTest, RefusesNewTasksAndLetsThoseUnderWayGoOn) {
  ASSERT_EQ(Ask(Call("a", "1", 10, "begun")).decision, Decision::kAllow);
  auto row = RowOf("all", 100);
  row.new_work = Quantity::Of(80);
  gate_.Put(row);
  books_.booked["team/all"] = Quantity::Of(80);
  const auto refused = Ask(Call("a", "2", 1, "new"));
  EXPECT_EQ(refused.decision, Decision::kRefuse);
  EXPECT_EQ(refused.reason, "RefusesNewWork");
  EXPECT_EQ(Ask(Call("a", "3", 1)).decision, Decision::kRefuse) << "no task is new work";
  EXPECT_EQ(Ask(Call("a", "4", 10, "begun")).decision, Decision::kAllow);
  EXPECT_EQ(Ask(Call("a", "5", 1, "begun")).reason, "BudgetReserved") << "never above the ceiling";
}

TEST_F(GateTest, ATaskThatIdlesForAnHourIsNewAgain) {
  const auto id = Ask(Call("a", "1", 10, "begun")).id;
  Settle(id, 10);
  auto row = RowOf("all", 100);
  row.level = policy::Level::kRefusingWork;
  gate_.Put(row);
  gate_.Expire(now_ + minutes(59));
  EXPECT_EQ(Ask(Call("a", "2", 1, "begun")).decision, Decision::kAllow);
  now_ += minutes(125);
  gate_.Expire(now_);
  EXPECT_EQ(Ask(Call("a", "3", 1, "begun")).reason, "RefusesNewWork");
}

TEST_F(GateTest, StopsForOtherReasonsThanMoney) {
  auto row = RowOf("all", 100);
  row.level = policy::Level::kStopped;
  gate_.Put(row);
  EXPECT_EQ(Ask(Call("a", "1", 1)).reason, "BudgetStopped");
  gate_.Put(RowOf("all", 100));
  auto agent = AgentOf("a");
  agent.stopped = true;
  agent.why = "prompt injection";
  gate_.Put(agent);
  EXPECT_THAT(Ask(Call("a", "2", 1)).message, HasSubstr("prompt injection"));
  EXPECT_EQ(Ask(Call("nobody", "3", 1)).reason, "UnknownAgent");
}

TEST_F(GateTest, AgentsAndPoolsMakeSoManyCallsAtOnce) {
  gate_.Put(AgentOf("a", 1));
  gate_.Put(PoolOf("pool", 2));
  EXPECT_EQ(Ask(Call("a", "1", 1)).decision, Decision::kAllow);
  EXPECT_EQ(Ask(Call("a", "2", 1)).reason, "AgentBusy");
  EXPECT_EQ(Ask(Call("b", "3", 1)).decision, Decision::kAllow);
  const auto busy = Ask(Call("b", "4", 1));
  EXPECT_EQ(busy.decision, Decision::kQueue);
  EXPECT_EQ(busy.reason, "PoolBusy");
  EXPECT_EQ(busy.position, 1U);
}

TEST_F(GateTest, WhoWaitsIsServedWhenRoomIsMade) {
  gate_.Put(AgentOf("a", 1));
  Ask(Call("a", "1", 1));
  EXPECT_EQ(WaitFor(Call("a", "2", 1)).decision, Decision::kQueue);
  EXPECT_EQ(WaitFor(Call("a", "3", 1)).position, 2U);
  EXPECT_THAT(Served(), IsEmpty());
  Settle("id-1", 1);
  EXPECT_THAT(Served(), ElementsAre("id-2"));
  Settle("id-2", 1);
  EXPECT_THAT(Served(), ElementsAre("id-3"));
}

TEST_F(GateTest, WhoWentAwayKeepsItsPlaceForAWhile) {
  gate_.Put(AgentOf("a", 1));
  Ask(Call("a", "1", 1));
  WaitFor(Call("a", "2", 1));
  gate_.Leave("id-2", now_);
  WaitFor(Call("a", "3", 1));
  EXPECT_EQ(WaitFor(Call("a", "2", 1)).position, 1U) << "back again";
  gate_.Leave("id-2", now_);
  Settle("id-1", 1);
  EXPECT_THAT(Served(), ElementsAre("id-3")) << "nobody is there for the first";
  gate_.Expire(now_ + minutes(1));
  EXPECT_EQ(gate_.waiting().size(), 0U);
}

TEST_F(GateTest, ADearCallIsNotOvertakenByCheapOnesForEver) {
  books_.booked["team/all"] = Quantity::Of(90);
  Ask(Call("b", "1", 5));
  EXPECT_EQ(WaitFor(Call("a", "dear", 10)).reason, "BudgetReserved");
  EXPECT_EQ(WaitFor(Call("b", "cheap", 1)).decision, Decision::kQueue) << "the dear one came first";
  const auto cancelled = gate_.Cancel("id-1", now_);
  ASSERT_TRUE(cancelled.ok());
  gate_.Done("id-1");
  EXPECT_THAT(Served(), ElementsAre("id-dear"));
}

TEST_F(GateTest, WhoWaitsForWhatNeverComesIsRefused) {
  books_.booked["team/all"] = Quantity::Of(90);
  Ask(Call("b", "1", 10));
  WaitFor(Call("a", "2", 5));
  Settle("id-1", 10);
  const auto answers = gate_.Serve("team", now_, books_);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].decision, Decision::kRefuse);
  EXPECT_EQ(answers[0].id, "id-2");
}

TEST_F(GateTest, DowngradesToWhatIsInBounds) {
  auto agent = AgentOf("a");
  agent.models = {"dear", "middle", "cheap"};
  agent.downgrades = 1;
  gate_.Put(agent);
  auto request = Call("a", "1", 60);
  request.model = "dear";
  request.others = {{.agent = "a", .model = "middle", .estimate = Cost(6)}};
  const auto answer = Ask(request);
  EXPECT_EQ(answer.decision, Decision::kAllow);
  EXPECT_EQ(answer.model, "middle");
  EXPECT_EQ(answer.reason, "Downgraded");
  EXPECT_EQ(answer.reserved.cost, Money::FromNanos(6));
  auto cheap = Call("a", "2", 1);
  cheap.model = "cheap";
  EXPECT_EQ(Ask(cheap).model, "cheap");
  agent.downgrades = 9;
  gate_.Put(agent);
  auto dear = Call("a", "3", 1);
  dear.model = "dear";
  EXPECT_EQ(Ask(dear).model, "cheap");
}

TEST_F(GateTest, NamesWhatWouldBeAllowedInstead) {
  gate_.Put(RowOf("a-only", 10, {"a"}));
  books_.booked["team/a-only"] = Quantity::Of(8);
  auto request = Call("a", "1", 60);
  request.model = "dear";
  request.others = {{.agent = "a", .model = "cheap", .estimate = Cost(2)},
                    {.agent = "a", .model = "middle", .estimate = Cost(3)},
                    {.agent = "b", .model = "dear", .estimate = Cost(60)},
                    {.agent = "nobody", .model = "dear", .estimate = Cost(1)}};
  const auto answer = Ask(request);
  EXPECT_EQ(answer.decision, Decision::kRefuse);
  ASSERT_EQ(answer.alternatives.size(), 2U);
  EXPECT_EQ(answer.alternatives[0].model, "cheap");
  EXPECT_EQ(answer.alternatives[1].agent, "b");
}

TEST_F(GateTest, ANewBudgetKnowsWhatIsUnderWay) {
  Ask(Call("a", "1", 60));
  gate_.Put(RowOf("late", 100, {"a"}));
  gate_.Put(RowOf("other", 100, {"b"}));
  EXPECT_EQ(gate_.Reserved("team/late"), Quantity::Of(60));
  EXPECT_EQ(gate_.Reserved("team/other"), Quantity());
  auto changed = RowOf("late", 100, {"b"});
  gate_.Put(changed);
  EXPECT_EQ(gate_.Reserved("team/late"), Quantity());
  Settle("id-1", 10);
  EXPECT_EQ(gate_.Reserved("team/late"), Quantity());
  gate_.RemoveRow("team/late");
  EXPECT_EQ(gate_.FindRow("team/late"), nullptr);
}

TEST_F(GateTest, CountsByUnitModelAndTask) {
  auto tokens = RowOf("tokens", 1000, {"a"});
  tokens.unit = Unit::kTokens;
  gate_.Put(tokens);
  auto model = RowOf("model", 1000, {"a"});
  model.models = {"dear"};
  gate_.Put(model);
  auto request = Call("a", "1", 60);
  request.estimate.input_tokens = 300;
  request.estimate.output_tokens = 200;
  request.model = "cheap";
  Ask(request);
  EXPECT_EQ(gate_.Reserved("team/tokens"), Quantity::Of(500));
  EXPECT_EQ(gate_.Reserved("team/model"), Quantity());
}

TEST_F(GateTest, NegativeEstimatesMakeNoRoom) {
  books_.booked["team/all"] = Quantity::Of(99);
  EXPECT_EQ(Ask(Call("a", "1", -1'000'000)).reserved.cost, Money());
  EXPECT_EQ(Ask(Call("a", "2", 2)).decision, Decision::kRefuse);
}

TEST_F(GateTest, HoldsNoMoreThanItsBounds) {
  Gate gate({.open = 3,
             .open_of_namespace = 2,
             .waiting = 2,
             .waiting_of_namespace = 1,
             .finished_of_namespace = 2,
             .tasks_of_namespace = 2});
  gate.Put(AgentOf("a"));
  const auto ask = [&](const std::string& key, const std::string& task) {
    return gate.Ask(Call("a", key, 1, task), now_, books_).answer;
  };
  EXPECT_EQ(ask("1", "t1").decision, Decision::kAllow);
  EXPECT_EQ(ask("2", "t2").decision, Decision::kAllow);
  const auto full = ask("3", "t3");
  EXPECT_EQ(full.reason, "TooManyOpen");
  EXPECT_TRUE(full.retry_after.has_value());
  for (int round = 4; round < 100; ++round) {
    const auto key = std::to_string(round - 3);
    const auto id = "id-" + (round == 4 ? "1" : round == 5 ? "2" : std::to_string(round - 2));
    ASSERT_TRUE(gate.Settle(id, Cost(1), now_).ok()) << id;
    gate.Done(id);
    ASSERT_EQ(ask(std::to_string(round), "t" + key).decision, Decision::kAllow);
  }
  EXPECT_EQ(gate.Find("id-1"), nullptr) << "forgotten";
  EXPECT_EQ(gate.OpenOf("team"), 2U);
}

TEST_F(GateTest, AfterARestartKnowsWhatWasStored) {
  Gate gate;
  gate.Put(AgentOf("a"));
  gate.Put(RowOf("all", 100));
  gate.Restore({.id = "open",
                .key = "1",
                .ns = "team",
                .agent = "a",
                .task = "begun",
                .estimate = Cost(60),
                .made = now_,
                .expires = now_ + minutes(1)});
  gate.Restore({.id = "lapsed",
                .key = "2",
                .ns = "team",
                .agent = "a",
                .estimate = Cost(30),
                .made = now_,
                .expires = now_,
                .phase = Phase::kLapsed,
                .lapsed = true});
  gate.Restore({.id = "settled",
                .key = "3",
                .ns = "team",
                .agent = "a",
                .estimate = Cost(30),
                .made = now_,
                .expires = now_,
                .phase = Phase::kSettled,
                .fact = Cost(7)});
  EXPECT_EQ(gate.Reserved("team/all"), Quantity::Of(60));
  EXPECT_EQ(gate.Ask(Call("a", "1", 60, "begun"), now_, books_).answer.id, "open");
  EXPECT_EQ(gate.Settle("lapsed", Cost(10), now_)->book.cost, Money::FromNanos(-20));
  EXPECT_TRUE(gate.Settle("settled", Cost(7), now_)->already);
}

}  // namespace
}  // namespace purser::gate
