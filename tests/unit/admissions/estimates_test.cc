#include "admissions/estimates.h"

#include <gtest/gtest.h>

namespace purser::admissions {
namespace {

constexpr std::int64_t kCent = Money::kNanosPerDollar / 100;

class EstimatesTest : public testing::Test {
 protected:
  Money Of(const std::string& body) const {
    return Estimate(ParseQuestion(body).value(), seen_, prices_).cost;
  }
  void Call(std::int64_t cents, bool failed = false) {
    Amounts amounts;
    amounts.calls = 1;
    amounts.failed_calls = failed ? 1 : 0;
    amounts.cost = Money::FromNanos(cents * kCent);
    amounts.input_tokens = amounts.output_tokens = cents;
    seen_.Add({"", "a", "", "gpt-5"}, amounts);
  }

  const usage::pricing::Prices prices_{nullptr, "v", std::nullopt};
  gate::Experiences seen_;
  const std::string unsaid_ = R"({"key":"k","agent":"a","model":"gpt-5"})";
  const Money guess_ = Of(unsaid_);
};

TEST_F(EstimatesTest, WhatIsSaidCounts) {
  EXPECT_EQ(Of(R"({"key":"k","agent":"a","model":"gpt-5","estimateUSD":"0.5"})"),
            Money::FromNanos(50 * kCent));
  EXPECT_EQ(Of(R"({"key":"k","agent":"a","model":"gpt-5","estimateUSD":"0"})"), Money());
  EXPECT_GT(guess_, Money());
  EXPECT_LT(Of(R"({"key":"k","agent":"a","model":"gpt-5","inputTokens":10,"maxOutputTokens":10})"),
            guess_);
}

TEST_F(EstimatesTest, AFewCheapCallsPromiseNothing) {
  for (int i = 0; i < 19; ++i) {
    Call(0);
    EXPECT_EQ(Of(unsaid_), guess_) << i;
  }
  Call(0);
  EXPECT_EQ(Of(unsaid_), Money()) << "twenty that succeeded for nothing are free";
}

TEST_F(EstimatesTest, AFewDearCallsAreBelieved) {
  Call(10'000);
  EXPECT_GE(Of(unsaid_), Money::FromNanos(10'000 * kCent));
}

TEST_F(EstimatesTest, CallsThatFailedForNothingTellNothing) {
  for (int i = 0; i < 1'000; ++i) Call(0, true);
  EXPECT_EQ(Of(unsaid_), guess_);
  for (int i = 0; i < 20; ++i) Call(3);
  EXPECT_GE(Of(unsaid_), Money::FromNanos(3 * kCent));
}

TEST_F(EstimatesTest, WhoSettlesByCostAloneTellsNothingOfTokens) {
  const std::string half = R"({"key":"k","agent":"a","model":"gpt-5","maxOutputTokens":1000})";
  const auto before = Of(half);
  for (int i = 0; i < 30; ++i) Call(0);
  EXPECT_EQ(Of(half), before);
}

}  // namespace
}  // namespace purser::admissions
