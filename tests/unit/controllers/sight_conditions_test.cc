#include "controllers/agent_budget/sight_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.h"
#include "controllers/conditions.h"

namespace purser::controllers {
namespace {

using std::chrono::hours;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const Timestamp kNow = *ParseRfc3339("2026-11-27T12:00:00Z");

class SightConditionsTest : public testing::Test {
 protected:
  SightConditionsTest() {
    budget_.meta.ns = "agents";
    evaluation_.window = {kNow - hours(12), kNow + hours(12)};
    evaluation_.window_spec = budget_.spec.window;
    health_.state = ledger::SourceHealth::State::kHealthy;
    health_.epoch = kNow - hours(24);
    row_.subject = std::make_shared<const Subject>();
  }
  // "True/Reason: message"
  std::string Of(const std::string& type) {
    const ledger::Ledger::AgentTotals agents;
    const BudgetReport report{budget_, problem_, Evaluated(), agents,  health_,
                              {},      kNow,     doubts_,     "ledger"};
    const auto status = BuildBudgetStatus(report);
    const auto* condition = FindCondition(status.conditions, type);
    if (condition == nullptr) return "";
    return condition->status + "/" + condition->reason + ": " + condition->message;
  }

  const Evaluation* Evaluated() {
    evaluation_.rows = {std::make_shared<const Row>(row_)};
    return &evaluation_;
  }

  api::AgentBudget budget_;
  Evaluation evaluation_;
  Row row_;
  std::optional<BudgetProblem> problem_;
  ledger::SourceHealth health_;
  std::vector<ledger::JournalEntry> doubts_;
};

TEST_F(SightConditionsTest, AllIsWell) {
  EXPECT_THAT(Of("SourceHealthy"), StartsWith("True/Reading"));
  EXPECT_THAT(Of("Metered"), StartsWith("True/Metered"));
  EXPECT_THAT(Of("SpendInDoubt"), StartsWith("False/NoDoubt"));
  EXPECT_THAT(Of("LedgerGap"), StartsWith("False/Complete"));
  EXPECT_THAT(Of("PricingComplete"), StartsWith("True/Priced"));
}

TEST_F(SightConditionsTest, OneFailedPollWritesNothing) {
  const ledger::Ledger::AgentTotals agents;
  const auto status = [&] {
    return BuildBudgetStatus({budget_, problem_, Evaluated(), agents, health_, {}, kNow});
  };
  const auto before = status();
  health_.doubtful = true;
  evaluation_.sight.may_relax = false;
  evaluation_.may_relax = false;
  row_.decision.may_relax = false;
  row_.decision.message += "; spend is not readable";
  EXPECT_FALSE(WorthWriting(before, status(), kNow, kNow + hours(1)));
}

TEST_F(SightConditionsTest, HeldMoneyIsToldWithSeriesTimeAmountAndTheWayOut) {
  row_.doubts = 7;
  row_.counted.in_doubt = Money::FromNanos(210'000'000'000);
  ledger::JournalEntry entry;
  entry.id = 42;
  entry.kind = ledger::JournalKind::kDoubt;
  entry.at = kNow - hours(1);
  entry.key.agent = "researcher";
  entry.series = "agent_cost_usd_total{agent=\"researcher\"}";
  entry.from = "1250";
  entry.to = "1040";
  entry.amount = CostOf(Money::FromNanos(210'000'000'000));
  entry.reason = "fell without a known restart";
  doubts_ = {entry};
  EXPECT_THAT(
      Of("SpendInDoubt"),
      AllOf(StartsWith("True/Held: $210 is held in doubt and not counted (onDoubt: Hold)"),
            HasSubstr("SpendCorrection in namespace agents"), HasSubstr("doubt: NUMBER"),
            HasSubstr("Doubt 42: $210 of researcher at 2026-11-27T11:00:00Z (1250 -> 1040), "
                      "agent_cost_usd_total{agent=\"researcher\"}: fell without a known restart"),
            HasSubstr("and 6 more")));
  budget_.spec.on_doubt = api::OnDoubt::kCount;
  EXPECT_THAT(Of("SpendInDoubt"), StartsWith("True/Counted: "));
  budget_.spec.unit = Unit::kTokens;
  doubts_[0].amount = {.cost = Money(), .input_tokens = 1200};
  EXPECT_THAT(Of("SpendInDoubt"), HasSubstr("Doubt 42: 1200 tokens of researcher"));
}

TEST_F(SightConditionsTest, NoMessageIsLongerThanTheSchemaAccepts) {
  row_.doubts = 5;
  ledger::JournalEntry entry;
  entry.series = std::string(512, 's');
  entry.reason = std::string(512, 'r');
  doubts_.assign(5, entry);
  EXPECT_LE(Of("SpendInDoubt").size(), 4096u);
}

TEST_F(SightConditionsTest, AWindowThatBeganBeforeTheLedgerSaysSo) {
  health_.epoch = kNow - hours(3);
  EXPECT_THAT(Of("LedgerGap"),
              StartsWith("True/KnownSince: known since 2026-11-27T09:00:00Z; spend "
                         "before it is not in it"));
  row_.spent_at_least = Money::FromNanos(20'000'000'000);
  EXPECT_THAT(Of("LedgerGap"), AllOf(StartsWith("True/KnownSince: "), HasSubstr("said $20"),
                                     HasSubstr("until 2026-11-28T00:00:00Z")));
}

TEST_F(SightConditionsTest, WhoIsNotSeenComesFirstWithWhatIsAskedOfHim) {
  evaluation_.issues = {{"twin", "DuplicateWriters", "two writers", false, {}},
                        {"blind", "NoSamples", "blind has no sample", true, kNow},
                        {"modern", "Unpriced", "no price of gpt-9", false, {}}};
  evaluation_.sight.agents["blind"] = {policy::Level::kStopped, kNow};
  EXPECT_THAT(Of("Metered"),
              AllOf(StartsWith("False/NoSamples: blind has no sample; asked of it: Stopped"),
                    HasSubstr("two writers"), testing::Not(HasSubstr("gpt-9"))));
  EXPECT_THAT(Of("PricingComplete"), StartsWith("False/UnknownModel: no price of gpt-9"));
  evaluation_.issues.erase(evaluation_.issues.begin() + 1);
  evaluation_.sight.agents.clear();
  EXPECT_THAT(Of("Metered"), StartsWith("True/DuplicateWriters: two writers"));
}

// Though no such call was made of late, or the operator has restarted since.
TEST_F(SightConditionsTest, AnEstimateIsToldAsLongAsTheWindowHoldsIt) {
  row_.estimated = Money::FromNanos(3'500'000'000);
  EXPECT_THAT(Of("PricingComplete"),
              StartsWith("False/UnknownModel: calls of models without a price are estimated to "
                         "have cost $3.50 in this window, which is counted; onUnpriced is "
                         "Estimate"));
  budget_.spec.on_unpriced = api::OnUnpriced::kIgnore;
  evaluation_.issues = {{"modern", "Unpriced", "no price of gpt-9", false, {}}};
  EXPECT_THAT(Of("PricingComplete"),
              StartsWith("False/UnknownModel: no price of gpt-9; calls of models without a price "
                         "are estimated to have cost $3.50 in this window, which is not counted; "
                         "onUnpriced is Ignore"));
  evaluation_.issues.clear();
  evaluation_.sight.agents["modern"] = {policy::Level::kStopped, kNow, true};
  EXPECT_THAT(Of("PricingComplete"), HasSubstr("until the window ends or this budget is edited: "
                                               "modern"));
  EXPECT_THAT(Of("Metered"), StartsWith("True/Metered")) << "its meter is well";
  evaluation_.sight.agents.clear();
  budget_.spec.unit = Unit::kTokens;
  EXPECT_THAT(Of("PricingComplete"), StartsWith("True/Priced"));
}

TEST_F(SightConditionsTest, AnAgentThatIsKeptStoppedIsToldThoughItRunsNoMore) {
  evaluation_.sight.agents["researcher"] = {policy::Level::kStopped, kNow - hours(1)};
  evaluation_.sight.agents["writer"] = {policy::Level::kNormal, kNow};
  const auto metered = Of("Metered");
  EXPECT_THAT(metered, StartsWith("False/NoSamples: researcher has shown no sample since its meter "
                                  "was lost at 20"));
  EXPECT_THAT(metered, HasSubstr("asked of it: Stopped (onSourceLoss), until it is seen again"));
  EXPECT_THAT(metered, Not(HasSubstr("writer")));
}

TEST_F(SightConditionsTest, AnotherAgentThatIsMissedIsWorthAWrite) {
  const ledger::Ledger::AgentTotals agents;
  const auto status = [&] {
    return BuildBudgetStatus({budget_, problem_, Evaluated(), agents, health_, {}, kNow});
  };
  evaluation_.issues = {{"one", "NoSamples", "one has no sample", true, kNow}};
  const auto before = status();
  EXPECT_FALSE(WorthWriting(before, status(), kNow, kNow));
  evaluation_.issues.push_back({"two", "NoSamples", "two has no sample", true, kNow});
  EXPECT_TRUE(WorthWriting(before, status(), kNow, kNow));
}

TEST_F(SightConditionsTest, ALostSourceIsToldOnce) {
  health_.state = ledger::SourceHealth::State::kLost;
  health_.reason = "NoSeries";
  health_.message = "had 40 until 10:02";
  EXPECT_THAT(Of("SourceHealthy"), StartsWith("False/NoSeries: had 40 until 10:02"));
  EXPECT_THAT(Of("Metered"), StartsWith("False/SourceLost"));
  evaluation_.sight.silent = true;
  EXPECT_THAT(Of("SourceHealthy"), HasSubstr("no agent of this budget runs"));
}

}  // namespace
}  // namespace purser::controllers
