#include "admissions/bodies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admissions/kept.h"

namespace purser::admissions {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(AdmissionBodiesTest, ReadsAQuestion) {
  const auto question = ParseQuestion(
      R"({"key":"k","namespace":"n","agent":"a","task":"t","workflow":"w","model":"m",
          "estimateUSD":0.0125,"inputTokens":10,"maxOutputTokens":20,"waitSeconds":1.5})");
  ASSERT_TRUE(question.ok()) << question.error().message();
  EXPECT_EQ(question->estimate, Money::FromNanos(12'500'000));
  EXPECT_EQ(question->wait, std::chrono::milliseconds(1500));
  EXPECT_EQ(question->max_output_tokens, 20);
  EXPECT_EQ(ParseQuestion(R"({"key":"k","agent":"a","estimateUSD":"3.000000001"})")->estimate,
            Money::FromNanos(3'000'000'001));
}

TEST(AdmissionBodiesTest, TellsWhatIsWrongByField) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "key: is required"},
      {"[]", "body: "},
      {"{", "body: "},
      {R"({"key":"","agent":"a"})", "key: "},
      {R"({"key":"k"})", "agent: is required"},
      {R"({"key":"k","agent":7})", "agent: want a string"},
      {R"({"key":"k","agent":"a\nb"})", "agent: holds a control character"},
      {R"({"key":"k","agent":"a","estimateUSD":-1})", "estimateUSD: "},
      {R"({"key":"k","agent":"a","estimateUSD":"NaN"})", "estimateUSD: "},
      {R"({"key":"k","agent":"a","estimateUSD":1e300})", "estimateUSD: "},
      {R"({"key":"k","agent":"a","estimateUSD":true})", "estimateUSD: "},
      {R"({"key":"k","agent":"a","inputTokens":1.5})", "inputTokens: "},
      {R"({"key":"k","agent":"a","inputTokens":18446744073709551615})", "inputTokens: "},
      {R"({"key":"k","agent":"a","waitSeconds":301})", "waitSeconds: "},
      {R"({"key":"k","agent":"a","waitSeconds":"1"})", "waitSeconds: "},
      {R"({"key":"k","agent":"a","estimate":1})", "estimate: is no field"},
      {std::string(100, '[') + std::string(100, ']'), "body: is nested"},
  };
  for (const auto& [body, message] : wrong) {
    const auto question = ParseQuestion(body);
    ASSERT_FALSE(question.ok()) << body;
    EXPECT_THAT(question.error().message(), StartsWith(message)) << body;
  }
}

TEST(AdmissionBodiesTest, AFactNeedsAnAmountUnlessItFailed) {
  EXPECT_THAT(ParseFact("{}").error().message(), HasSubstr("costUSD: is required"));
  EXPECT_TRUE(ParseFact(R"({"outcome":"Failure"})").ok());
  EXPECT_TRUE(ParseFact(R"({"inputTokens":5})").ok());
  EXPECT_TRUE(ParseFact(R"({"costUSD":"0"})").ok());
  EXPECT_THAT(ParseFact(R"({"costUSD":"1","outcome":"Maybe"})").error().message(),
              HasSubstr("outcome: "));
}

TEST(AdmissionBodiesTest, AFactWithoutCostIsPriced) {
  const usage::pricing::PriceBook book(api::PricesConfig{});
  const auto fact = ParseFact(R"({"inputTokens":1000000,"outputTokens":0,"model":"gpt-5"})");
  EXPECT_GT(AmountsOf(*fact, "", *book.Current()).cost, Money());
  const auto told = ParseFact(R"({"costUSD":"0.5","inputTokens":1000000,"cachedTokens":2000000})");
  const auto amounts = AmountsOf(*told, "gpt-5", *book.Current());
  EXPECT_EQ(amounts.cost, Money::FromNanos(500'000'000));
  EXPECT_EQ(amounts.cached_tokens, 1'000'000) << "never more than the input they are part of";
}

TEST(AdmissionBodiesTest, ReadsARouteQuestion) {
  const auto question = ParseRouteQuestion(
      R"({"task":"t","candidates":["a","b"],"objective":"Auto","minimumSuccess":0.9})");
  ASSERT_TRUE(question.ok());
  EXPECT_EQ(question->wish.objective, gate::Objective::kAuto);
  EXPECT_THAT(ParseRouteQuestion(R"({"task":"t","objective":"Best"})").error().message(),
              StartsWith("objective: want Cost, Latency or Auto"));
  EXPECT_THAT(ParseRouteQuestion(R"({"task":"t","minimumSuccess":90})").error().message(),
              StartsWith("minimumSuccess: "));
}

TEST(KeptAdmissionTest, ComesBackAsItWas) {
  gate::Reservation one;
  one.id = "id";
  one.key = "k\"\\ü";
  one.ns = "n";
  one.agent = "a";
  one.model = "m";
  one.estimate = {.cost = Money::FromNanos(7), .calls = 1, .input_tokens = 3};
  one.made = Timestamp(std::chrono::hours(10));
  one.expires = Timestamp(std::chrono::hours(11));
  for (const auto phase : {gate::Phase::kOpen, gate::Phase::kLapsed, gate::Phase::kSettled}) {
    one.phase = phase;
    one.lapsed = phase == gate::Phase::kLapsed;
    const auto kept = ToKept(one);
    EXPECT_EQ(kept.ended, phase != gate::Phase::kOpen);
    const auto back = FromKept(kept);
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(*back, one);
  }
  for (const auto* body : {"", "{}", "[1]", R"({"key":5})"})
    EXPECT_EQ(FromKept({"id", {}, false, body}).error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace purser::admissions
