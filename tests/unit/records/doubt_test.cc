#include "usage/records/doubt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace purser::usage::records {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Judgement Of(const std::string& model, std::int64_t tokens, std::optional<std::int64_t> dollars) {
  static const pricing::Prices kPrices(
      nullptr, "test", api::UnknownModelPrice{Money::FromNanos(15'000'000'000), Money()});
  Record record;
  record.model = model;
  record.tokens.input = tokens;
  if (dollars) record.cost = Money::FromNanos(*dollars * Money::kNanosPerDollar);
  return Judge(record, kPrices);
}

TEST(DoubtTest, MicroDollarsAreHeldAndDearCallsAreNot) {
  EXPECT_THAT(Of("gpt-4o", 1000, 2500).doubt, HasSubstr("100,000 times 0.0025"));
  EXPECT_THAT(Of("gpt-4o", 1000, 30).doubt, IsEmpty());
  EXPECT_THAT(Of("of-our-own", 1000, 900).doubt, IsEmpty());
  EXPECT_THAT(Of("of-our-own", 1000, 1001).doubt, HasSubstr("1001 for one call"));
  EXPECT_THAT(Of("gpt-4o", 10'000'001, std::nullopt).doubt, HasSubstr("tokens in one call"));
}

TEST(DoubtTest, WhatTellsNoCostIsPriced) {
  const auto judged = Of("gpt-4o", 1000, std::nullopt);
  EXPECT_EQ(judged.cost.nanos(), 2'500'000);
  EXPECT_THAT(judged.doubt, IsEmpty());
  EXPECT_EQ(judged.estimated, Money());
}

TEST(DoubtTest, WhatIsEstimatedIsToldApart) {
  const auto judged = Of("of-our-own", 1000, std::nullopt);
  EXPECT_GT(judged.cost, Money());
  EXPECT_EQ(judged.estimated, judged.cost);
  EXPECT_EQ(Of("of-our-own", 1000, 3).estimated, Money());
}

}  // namespace
}  // namespace purser::usage::records
