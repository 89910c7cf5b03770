#include "api/spend_correction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/time_text.h"
#include "unit/api/decode_json.h"

namespace purser::api {
namespace {

using ::testing::HasSubstr;

TEST(SpendCorrectionTest, AnAmountIsSignedExactAndHasItsMoment) {
  const auto correction = CorrectionWithSpec(
      R"({"agent":"researcher","amount":"-3143999.950000001","at":"2026-11-27T10:15:00Z",
          "reason":"upstream reported micro-dollars"})",
      UnknownFields::kReject);
  ASSERT_TRUE(correction.ok());
  ASSERT_EQ(correction->invalid, std::nullopt);
  SpendCorrectionSpec want;
  want.agent = "researcher";
  want.amount = Money::FromNanos(-3'143'999'950'000'001);
  want.at = *ParseRfc3339("2026-11-27T10:15:00Z");
  want.reason = "upstream reported micro-dollars";
  EXPECT_EQ(correction->spec, want);
  EXPECT_EQ(SourceOf(correction->spec), "default");
}

TEST(SpendCorrectionTest, ADoubtIsDecided) {
  const auto correction =
      CorrectionWithSpec(R"({"doubt":42,"decision":"Accept","reason":"a restart"})");
  ASSERT_TRUE(correction.ok());
  ASSERT_EQ(correction->invalid, std::nullopt);
  EXPECT_EQ(correction->spec.doubt, 42);
  EXPECT_EQ(correction->spec.decision, DoubtDecision::kAccept);
}

struct RefusedCase {
  std::string name;
  std::string spec;
  std::vector<std::string> want;  // all are part of `invalid`
};

TEST(SpendCorrectionTest, WhatIsRefusedNamesFieldValueAndWayOut) {
  const std::string amount = R"("agent":"a","at":"2026-11-27T10:15:00Z","reason":"r","amount":)";
  const std::vector<RefusedCase> cases = {
      {"neither form", R"({"reason":"r"})", {"spec: want either amount"}},
      {"both forms",
       "{" + amount + R"("1","doubt":3,"decision":"Reject"})",
       {"spec: want either amount"}},
      {"no reason", R"({"doubt":3,"decision":"Reject"})", {"spec.reason: is required"}},
      {"zero", "{" + amount + R"("-0.00"})", {"spec.amount: \"-0.00\"", "not 0"}},
      {"exponent", "{" + amount + R"("1e9"})", {"spec.amount: \"1e9\""}},
      {"plus", "{" + amount + R"("+1"})", {"spec.amount: \"+1\""}},
      {"two signs", "{" + amount + R"("--1"})", {"spec.amount: \"--1\""}},
      {"ten digits", "{" + amount + R"("-1000000000"})", {"spec.amount: \"-1000000000\""}},
      {"a number", "{" + amount + "1}", {"spec.amount: 1 is not text"}},
      {"no agent",
       R"({"amount":"1","at":"2026-11-27T10:15:00Z","reason":"r"})",
       {"spec.agent: is required with amount"}},
      {"no time", R"({"agent":"a","amount":"1","reason":"r"})", {"spec.at: is required"}},
      {"no such day",
       R"({"agent":"a","amount":"1","at":"2026-02-30T10:15:00Z","reason":"r"})",
       {"spec.at: \"2026-02-30T10:15:00Z\""}},
      {"before 1970",
       R"({"agent":"a","amount":"1","at":"1969-12-31T23:59:59Z","reason":"r"})",
       {"spec.at: \"1969-12-31T23:59:59Z\""}},
      {"no decision", R"({"doubt":3,"reason":"r"})", {"spec.decision: is required with doubt"}},
      {"decision alone",
       "{" + amount + R"("1","decision":"Accept"})",
       {"spec.decision: remove it"}},
      {"doubt 0", R"({"doubt":0,"decision":"Accept","reason":"r"})", {"spec.doubt: 0"}},
      {"doubt of an agent",
       R"({"doubt":3,"decision":"Accept","agent":"a","reason":"r"})",
       {"spec.agent: remove it"}},
      {"unknown decision",
       R"({"doubt":3,"decision":"Maybe","reason":"r"})",
       {"spec.decision: \"Maybe\" is not one of Accept, Reject"}},
  };
  for (const auto& refused : cases) {
    const auto correction = CorrectionWithSpec(refused.spec);
    ASSERT_TRUE(correction.ok()) << refused.name;
    ASSERT_TRUE(correction->invalid.has_value()) << refused.name;
    for (const auto& want : refused.want)
      EXPECT_THAT(*correction->invalid, HasSubstr(want)) << refused.name;
  }
}

}  // namespace
}  // namespace purser::api
