// SpendCorrections on a real API server: asked, approved, booked once; the sums after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "base/time_text.h"
#include "integration/operator/world.h"
#include "ledger/sqlite/sqlite_store.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

// A namespace of its own for each test.
std::string NameOfTest() {
  std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

using testing::HasSubstr;

// A pool "team" of "worker", a budget "daily" of $50, $10 spent, and money held in the ledger.
class CorrectionsTest : public testing::Test {
 protected:
  CorrectionsTest() : world_(NameOfTest()), prometheus_(support::Scraping(exporter_)) {
    world_.Deployment("worker", 5);
    world_.Pool("team", {"worker"});
    world_.Budget("daily", "limit: \"50\", window: {period: Month}", "{pools: [team]}");
    exporter_.Add(world_.ns(), "worker", "10");
    config_ = world_.Config(prometheus_.url());
  }

  // Numbers of held entries, of these amounts.
  std::vector<std::int64_t> Hold(const std::string& ns, const std::vector<std::string>& amounts) {
    auto store = ledger::OpenSqliteStore(config_.store.path).value();
    EXPECT_TRUE(store->TakeOver().ok());
    ledger::Batch batch;
    batch.source = "default";
    for (const auto& amount : amounts) {
      ledger::JournalEntry entry;
      entry.kind = ledger::JournalKind::kDoubt;
      entry.at = std::chrono::floor<Duration>(std::chrono::system_clock::now());
      entry.recorded = entry.at;
      entry.key = {"default", ns, "worker", "", "", ""};
      entry.series = "agent_cost_usd_total{agent=\"worker\"}";
      entry.from = "1250";
      entry.to = "1040";
      entry.amount = CostOf(Money::ParseLimit(amount).value());
      entry.reason = "it fell without a known restart";
      entry.held = ledger::HeldState::kHeld;
      batch.journal.push_back(entry);
    }
    std::vector<ledger::Batch> batches = {batch};
    EXPECT_TRUE(store->Commit(batches).ok());
    std::vector<std::int64_t> ids;
    for (const auto& entry : batches.front().journal) ids.push_back(entry.id);
    return ids;
  }
  void Run() {
    running_ =
        std::make_unique<support::RunningOperator>(config_, world_.cluster().kubeconfig(), nullptr);
  }
  void Ask(const std::string& name, const std::string& spec) const {
    world_.Apply("apiVersion: purser.dev/v1alpha1\nkind: SpendCorrection\nmetadata: {name: " +
                 name + "}\nspec: {" + spec + ", reason: because}\n");
  }
  void Answer(const std::string& name, const std::string& status,
              const std::string& by = "alice") const {
    world_.Kubectl({"patch", "scorr", name, "--subresource=status", "--type=merge", "-p",
                    R"({"status":{"approvedBy":")" + by +
                        R"(","conditions":[{"type":"Approved","status":")" + status + R"("}]}})"});
  }
  bool Becomes(const std::string& name, const std::string& state) const {
    return world_.Eventually(name + " is " + state, [&] {
      return world_.StatusOf("scorr", name).value("state", "") == state;
    });
  }
  bool Spent(const std::string& amount) const {
    return world_.Eventually("spent " + amount, [&] { return world_.Spent("daily") == amount; });
  }
  static std::string Now() {
    return FormatUtc(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  }

  World world_;
  support::Exporter exporter_;
  support::Prometheus prometheus_;
  api::OperatorConfig config_;
  std::unique_ptr<support::RunningOperator> running_;
};

TEST_F(CorrectionsTest, AnAmountCountsOnceItIsApprovedAndNeverTwice) {
  Run();
  ASSERT_TRUE(Spent("10"));
  Ask("less", "agent: worker, amount: \"-2.500000001\", at: \"" + Now() + "\"");
  ASSERT_TRUE(Becomes("less", "Requested"));
  EXPECT_EQ(world_.ConditionOf("scorr", "less", "Booked"), "False/NotApproved");
  Answer("less", "True", "");
  ASSERT_TRUE(world_.Eventually("nobody has approved it", [&] {
    return world_.ConditionOf("scorr", "less", "Booked") == "False/NoApprover";
  }));
  EXPECT_EQ(world_.Spent("daily"), "10");
  Answer("less", "True");
  ASSERT_TRUE(Becomes("less", "Applied"));
  ASSERT_TRUE(Spent("7.499999999"));
  const auto status = world_.StatusOf("scorr", "less");
  EXPECT_EQ(status["booked"], "-2.500000001");
  EXPECT_GT(status["entry"], 0);
  EXPECT_EQ(status["approvedBy"], "alice") << "the approver's fields stay his";
  EXPECT_THAT(world_.MessageOf("scorr", "less", "Booked"), HasSubstr("approved by alice"));

  Ask("more", "agent: worker, amount: \"45\", at: \"" + Now() + "\"");
  Answer("more", "True");
  ASSERT_TRUE(Becomes("more", "Applied"));
  ASSERT_TRUE(world_.Eventually("worker stops", [&] { return world_.Replicas("worker") == 0; }));

  // Deleting changes nothing, nor does another life of the operator book it again.
  world_.Kubectl({"delete", "scorr", "more"});
  running_.reset();
  Run();
  exporter_.Add(world_.ns(), "worker", "1");
  ASSERT_TRUE(Spent("53.499999999"));
  EXPECT_EQ(world_.Replicas("worker"), 0);
}

TEST_F(CorrectionsTest, HeldMoneyIsToldThenAcceptedAndRejected) {
  const auto ids = Hold(world_.ns(), {"7", "210"});
  Run();
  ASSERT_TRUE(Spent("10"));
  ASSERT_TRUE(world_.Eventually("the doubt is told", [&] {
    return world_.ConditionOf("agentbudget", "daily", "SpendInDoubt") == "True/Held" &&
           world_.StatusOf("agentbudget", "daily").value("inDoubt", "") == "217";
  }));
  const auto described = world_.Kubectl({"describe", "agentbudget", "daily"}).out;
  for (const auto& text :
       {"Doubt " + std::to_string(ids[1]) + ": $210 of worker", std::string("1250 -> 1040"),
        std::string("agent_cost_usd_total{agent=\"worker\"}"), std::string("doubt: NUMBER"),
        std::string("it fell without a known restart")}) {
    EXPECT_THAT(described, HasSubstr(text));
  }
  Ask("accept", "doubt: " + std::to_string(ids[0]) + ", decision: Accept");
  Answer("accept", "True");
  ASSERT_TRUE(Becomes("accept", "Applied"));
  EXPECT_EQ(world_.StatusOf("scorr", "accept")["booked"], "7");
  ASSERT_TRUE(Spent("17"));
  Ask("reject", "doubt: " + std::to_string(ids[1]) + ", decision: Reject");
  Answer("reject", "True");
  ASSERT_TRUE(Becomes("reject", "Applied"));
  EXPECT_EQ(world_.StatusOf("scorr", "reject")["booked"], "0");
  ASSERT_TRUE(world_.Eventually("nothing is held any more", [&] {
    return world_.ConditionOf("agentbudget", "daily", "SpendInDoubt") == "False/NoDoubt";
  }));
  EXPECT_EQ(world_.Spent("daily"), "17");

  Ask("too-late", "doubt: " + std::to_string(ids[1]) + ", decision: Accept");
  Answer("too-late", "True");
  ASSERT_TRUE(Becomes("too-late", "Failed"));
  EXPECT_EQ(world_.ConditionOf("scorr", "too-late", "Booked"), "False/DecidedOtherwise");
}

TEST_F(CorrectionsTest, WhatCannotBeBookedSaysWhyAndWhatIsDeniedIsNot) {
  const auto others = Hold("somebody-else", {"5"});
  Run();
  ASSERT_TRUE(Spent("10"));
  Ask("unknown", "doubt: 4711, decision: Accept");
  Ask("of-others", "doubt: " + std::to_string(others[0]) + ", decision: Accept");
  Ask("no-source", "source: nowhere, agent: worker, amount: \"1\", at: \"" + Now() + "\"");
  for (const char* name : {"unknown", "of-others", "no-source"}) {
    Answer(name, "True");
    ASSERT_TRUE(Becomes(name, "Failed"));
  }
  EXPECT_EQ(world_.ConditionOf("scorr", "unknown", "Booked"), "False/NoSuchDoubt");
  EXPECT_THAT(world_.MessageOf("scorr", "unknown", "Booked"), HasSubstr("4711"));
  EXPECT_EQ(world_.ConditionOf("scorr", "of-others", "Booked"), "False/NoSuchDoubt")
      << "of another namespace";
  EXPECT_EQ(world_.ConditionOf("scorr", "no-source", "Booked"), "False/UnknownSource");
  Ask("denied", "agent: worker, amount: \"1\", at: \"" + Now() + "\"");
  Answer("denied", "False");
  ASSERT_TRUE(Becomes("denied", "Denied"));
  EXPECT_EQ(world_.Spent("daily"), "10");
}

}  // namespace
}  // namespace purser::integration
