#include "controllers/agent_budget/meters_disagree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace purser::controllers {
namespace {

using testing::HasSubstr;

Amounts Dollars(std::int64_t dollars) {
  return CostOf(Money::FromNanos(dollars * Money::kNanosPerDollar));
}

class MetersDisagreeTest : public testing::Test {
 protected:
  // "Status/Reason: message" of what two meters told; "": no such condition.
  std::string Condition(std::optional<ledger::BothMeters> both, std::int64_t recent = 0) {
    Row row;
    row.both = both;
    row.last_5_minutes = Dollars(recent);
    Evaluation evaluation;
    evaluation.rows = {std::make_shared<const Row>(row)};
    const ledger::Ledger::AgentTotals agents;
    const ledger::SourceHealth health;
    const BudgetReport report{budget_, std::nullopt, &evaluation, agents, health, {}, kNow};
    status_ = budget_.status;
    ReportConditions conditions(report, status_);
    AddMeters(report, status_, conditions);
    budget_.status.conditions = status_.conditions;
    const auto* condition = FindCondition(status_.conditions, "MetersDisagree");
    if (condition == nullptr) return "";
    return condition->status + "/" + condition->reason + ": " + condition->message;
  }
  static ledger::BothMeters Both(std::int64_t meter, std::int64_t records, std::int64_t higher) {
    return {Dollars(meter), Dollars(records), Dollars(higher)};
  }

  static constexpr Timestamp kNow{std::chrono::hours(500'000)};
  api::AgentBudget budget_;
  api::AgentBudgetStatus status_;
};

TEST_F(MetersDisagreeTest, IsOfASourceWithTwoMetersAlone) {
  EXPECT_EQ(Condition(std::nullopt), "");
  EXPECT_FALSE(status_.meters);
  EXPECT_THAT(Condition(Both(0, 0, 0)), HasSubstr("False/Agree"));
  EXPECT_EQ(status_.meters->unexplained, "0");
  EXPECT_EQ(Condition(std::nullopt), "") << "it has one again";
}

TEST_F(MetersDisagreeTest, SaysWhichMissesWhat) {
  EXPECT_THAT(Condition(Both(100, 80, 100)),
              HasSubstr("True/RecordsMissing: in this window Prometheus tells $100 and call "
                        "records tell $80; $20 of the counters is in no record"));
  EXPECT_EQ(status_.meters, (api::MetersTold{"100", "80", "20"}));
  EXPECT_THAT(Condition(Both(60, 100, 100)), HasSubstr("True/CounterMissing"));
  EXPECT_THAT(Condition(Both(60, 60, 90)), HasSubstr("$30 of the records in no counter"))
      << "the sums agree, and the agents do not";
}

TEST_F(MetersDisagreeTest, AFewPercentAndWhatIsOnItsWayAreNoDisagreement) {
  EXPECT_THAT(Condition(Both(100, 96, 100)), HasSubstr("False/Agree"));
  EXPECT_THAT(Condition(Both(100, 95, 100)), HasSubstr("True/RecordsMissing"));
  EXPECT_THAT(Condition(Both(100, 80, 100), 20), HasSubstr("False/Agree"))
      << "spent within five minutes";
}

}  // namespace
}  // namespace purser::controllers
