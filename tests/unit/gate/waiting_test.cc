#include "gate/waiting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "gate_builders.h"

namespace purser::gate {
namespace {

// One place for calls, which each holder gives up at once: who gets how many of them?
std::map<std::string, int> Turns(Gate& gate, const HandBooks& books, int rounds) {
  std::map<std::string, int> turns;
  std::string holder = "id-first";
  for (int round = 0; round < rounds; ++round) {
    if (gate.Cancel(holder, kNoon).ok()) gate.Done(holder);
    for (const auto& answer : gate.Serve("team", kNoon, books)) {
      holder = answer.id;
      ++turns[gate.Find(answer.id)->agent];
    }
  }
  return turns;
}

void Flood(Gate& gate, const HandBooks& books, const std::string& agent, int calls) {
  for (int each = 0; each < calls; ++each) {
    auto request = Call(agent, agent + std::to_string(each), 1);
    request.waits = true;
    gate.Ask(request, kNoon, books);
  }
}

TEST(WaitingTest, AFloodOfOneAgentStarvesNobody) {
  Gate gate;
  HandBooks books;
  gate.Put(PoolOf("pool", 1));
  for (const auto* name : {"first", "flood", "b", "c"}) gate.Put(AgentOf(name));
  gate.Ask(Call("first", "first", 1), kNoon, books);
  Flood(gate, books, "flood", 500);
  Flood(gate, books, "b", 5);
  Flood(gate, books, "c", 5);
  const auto turns = Turns(gate, books, 15);
  EXPECT_EQ(turns.at("b"), 5);
  EXPECT_EQ(turns.at("c"), 5);
  EXPECT_EQ(turns.at("flood"), 5);
}

TEST(WaitingTest, ThePoolOfHigherPriorityGoesFirstAndStarvesNobody) {
  Gate gate;
  HandBooks books;
  gate.Put(PoolOf("high", 100, 10));
  gate.Put(PoolOf("low", 100, 1));
  gate.Put(RowOf("all", 1));
  gate.Put(AgentOf("first", 100, "low"));
  gate.Put(AgentOf("humble", 100, "low"));
  gate.Put(AgentOf("grand", 100, "high"));
  gate.Ask(Call("first", "first", 1), kNoon, books);
  Flood(gate, books, "humble", 100);
  Flood(gate, books, "grand", 100);
  const auto turns = Turns(gate, books, 80);
  EXPECT_EQ(turns.at("grand"), 70);
  EXPECT_EQ(turns.at("humble"), 10) << "one in eight";
}

TEST(WaitingTest, WhatOneAgentWaitsForHindersNoOther) {
  Gate gate;
  HandBooks books;
  gate.Put(AgentOf("slow", 0));
  gate.Put(AgentOf("quick"));
  Flood(gate, books, "slow", 3);
  EXPECT_EQ(gate.Ask(Call("quick", "q", 1), kNoon, books).answer.decision, Decision::kAllow);
}

TEST(WaitingTest, OtherNamespacesAreServedApart) {
  Gate gate;
  HandBooks books;
  auto other = AgentOf("a");
  other.ns = "others";
  gate.Put(other);
  gate.Put(AgentOf("a", 0));
  Flood(gate, books, "a", 50);
  auto request = Call("a", "x", 1);
  request.ns = "others";
  EXPECT_EQ(gate.Ask(request, kNoon, books).answer.decision, Decision::kAllow);
}

}  // namespace
}  // namespace purser::gate
