#include "controllers/agent_pool/limits_document.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/controllers/builders.h"

namespace purser::controllers {
namespace {

const Timestamp kNow = Timestamp(std::chrono::seconds(1'800'000'000));

Limits Short() {
  Limits limits;
  limits.ns = "agents";
  limits.pool = "research";
  limits.state = "Throttled";
  limits.concurrency = 8;
  limits.band = 90;
  limits.budget = "daily";
  limits.resets_at = kNow + std::chrono::hours(1);
  limits.agents = {{"one", "Throttled", 8, 90}};
  return limits;
}

TEST(LimitsDocumentTest, TellsWhatIsAllowedWhyAndUntilWhen) {
  EXPECT_EQ(LimitsDocument(Short(), kNow),
            R"({"version":1,"namespace":"agents","pool":"research","state":"Throttled",)"
            R"("maxConcurrency":8,"band":90,"budget":"daily","resetsAt":"2027-01-15T09:00:00Z",)"
            R"("issuedAt":"2027-01-15T08:00:00Z",)"
            R"("agents":{"one":{"state":"Throttled","maxConcurrency":8,"band":90}}})");
}

TEST(LimitsDocumentTest, IsTheSameWhenOnlyItsTimesDiffer) {
  const auto digest = [](const Limits& limits, Timestamp at, std::optional<Duration> valid = {}) {
    return ReadLimits(LimitsDocument(limits, at, valid))->digest;
  };
  EXPECT_EQ(digest(Short(), kNow), digest(Short(), kNow + std::chrono::hours(2)));
  const auto valid = std::chrono::minutes(10);
  EXPECT_EQ(digest(Short(), kNow, valid), digest(Short(), kNow + std::chrono::hours(2), valid));
  EXPECT_NE(digest(Short(), kNow), digest(Short(), kNow, valid));
  auto more = Short();
  more.concurrency = 9;
  EXPECT_NE(digest(Short(), kNow), digest(more, kNow));
}

TEST(LimitsDocumentTest, TellsUntilWhenItIsValid) {
  const auto held = ReadLimits(LimitsDocument(Short(), kNow, std::chrono::minutes(10)));
  ASSERT_TRUE(held);
  EXPECT_EQ(held->valid_until, kNow + std::chrono::minutes(10));
  EXPECT_EQ(ReadLimits(LimitsDocument(Short(), kNow))->valid_until, std::nullopt);
}

TEST(LimitsDocumentTest, WhatNobodyAsksIsUnlimited) {
  const auto limits = UnlimitedLimits(PoolBuilder("research").Agent("one", 4).Agent("two").Build());
  EXPECT_EQ(limits.concurrency, 20);
  ASSERT_EQ(limits.agents.size(), 2U);
  EXPECT_EQ(limits.agents[0].concurrency, 4);
  EXPECT_EQ(limits.agents[1].concurrency, 20);
}

std::optional<std::string> PoolOf(std::string_view text) {
  const auto held = ReadLimits(text);
  return held ? std::optional(held->pool) : std::nullopt;
}

TEST(LimitsDocumentTest, KnowsItsOwnAmongWhateverAConfigMapHolds) {
  EXPECT_EQ(PoolOf(LimitsDocument(Short(), kNow)), "research");
  EXPECT_EQ(PoolOf(R"({"pool":"p","state":"Normal","maxConcurrency":4,"agents":{}})"), "p")
      << "of the first version";
  for (const char* text : {"", "x", "{", "[]", "5", R"({"pool":"p"})", R"({"maxConcurrency":4})",
                           R"({"pool":5,"maxConcurrency":4})"})
    EXPECT_EQ(PoolOf(text), std::nullopt) << text;
  for (const char* until : {"5", "null", "[]", R"("soon")"}) {
    const auto held =
        ReadLimits(R"({"pool":"p","maxConcurrency":4,"validUntil":)" + std::string(until) + "}");
    ASSERT_TRUE(held) << until;
    EXPECT_EQ(held->valid_until, std::nullopt) << until;
  }
}

TEST(LimitsDocumentTest, ATextOfBracketsEndsNothing) {
  for (const char* begin : {R"({"pool":)", R"({"maxConcurrency":4,"pool":)", ""}) {
    const std::string text = begin + std::string(400'000, '[');
    EXPECT_EQ(PoolOf(text), std::nullopt);
    EXPECT_EQ(PoolOf(text + std::string(400'000, ']') + "}"), std::nullopt);
  }
}

}  // namespace
}  // namespace purser::controllers
