// What a request's body holds, record by record, and what is wrong with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "usage/records/record.h"

namespace purser::usage::records {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kRecord =
    R"({"id":"a","time":"2026-11-27T10:00:00Z","namespace":"agents","agent":"r","model":"gpt-5",)"
    R"("inputTokens":10,"outputTokens":2,"costUSD":"0.5")";

std::string With(const std::string& more = "") { return kRecord + more + "}"; }

Decoded Read(std::string body, const std::string& home = "") {
  auto decoded = DecodeUsage(body, home);
  EXPECT_TRUE(decoded.ok()) << decoded.error().message();
  return decoded.ok() ? *decoded : Decoded{};
}
std::string ReasonOf(const std::string& body) {
  const auto decoded = Read(body);
  return decoded.rejected.empty() ? "" : decoded.rejected.front().reason;
}

TEST(UsageBodyTest, EveryFieldIsRead) {
  const auto decoded =
      Read("[" +
           With(R"(,"pool":"p","provider":"openai","task":"t","workflow":"w","parent":"b",)"
                R"("cachedTokens":4,"reasoningTokens":1,"latencyMs":900.0,"outcome":"Retry",)"
                R"("error":"slow","metadata":{"deep":[1,{"x":null}]},"unknown":[[]])") +
           "]");
  ASSERT_THAT(decoded.records, SizeIs(1));
  Record want;
  want.id = "a";
  want.time = Timestamp(std::chrono::seconds(1'795'773'600));
  want.ns = "agents";
  want.agent = "r";
  want.pool = "p";
  want.provider = "openai";
  want.model = "gpt-5";
  want.task = "t";
  want.workflow = "w";
  want.parent = "b";
  want.error = "slow";
  want.tokens = {.input = 10, .output = 2, .cached = 4, .reasoning = 1};
  want.cost = Money::FromNanos(500'000'000);
  want.latency_ms = 900;
  want.outcome = ledger::Outcome::kRetry;
  EXPECT_EQ(decoded.records[0], want);
}

TEST(UsageBodyTest, ArraysLinesAndOneAlone) {
  EXPECT_THAT(Read("[" + With() + "," + With() + "]").records, SizeIs(2));
  const auto lines = Read(With() + "\n\nnonsense\r\n" + With() + "\n");
  EXPECT_THAT(lines.records, SizeIs(2));
  EXPECT_THAT(lines.rejected, SizeIs(1));
  EXPECT_EQ(lines.rejected[0].index, 1U);
  EXPECT_THAT(Read("{\n \"id\": 1\n}").rejected, SizeIs(1)) << "one record on several lines";
  EXPECT_THAT(Read("[]").records, SizeIs(0));
  EXPECT_THAT(Read("[7," + With() + "]").rejected, SizeIs(1));
}

TEST(UsageBodyTest, MoneyIsExact) {
  for (const auto& [text, nanos] : std::vector<std::pair<std::string, std::int64_t>>{
           {"0.1", 100'000'000}, {"\"0.000000001\"", 1}, {"3e-07", 300}, {"12", 12'000'000'000}}) {
    const auto decoded =
        Read(std::string(kRecord).substr(0, std::string(kRecord).find("\"costUSD")) +
             "\"costUSD\":" + text + "}");
    ASSERT_THAT(decoded.records, SizeIs(1)) << text;
    EXPECT_EQ(decoded.records[0].cost->nanos(), nanos) << text;
  }
}

TEST(UsageBodyTest, TimesInMillisecondsAndTheCallersNamespace) {
  const std::string body = R"({"id":"a","time":1795773600123,"agent":"r","costUSD":1})";
  const auto decoded = Read(body, "home");
  ASSERT_THAT(decoded.records, SizeIs(1));
  EXPECT_EQ(decoded.records[0].ns, "home");
  EXPECT_EQ(decoded.records[0].time.time_since_epoch().count(), 1'795'773'600'123);
  EXPECT_THAT(ReasonOf(body), HasSubstr("namespace: is required"));
  EXPECT_THAT(ReasonOf(R"({"id":"a","time":1795773600,"agent":"r","costUSD":1})"),
              HasSubstr("time: want RFC 3339"))
      << "seconds";
}

TEST(UsageBodyTest, WhatIsWrongNamesTheField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"time":"2026-11-27T10:00:00Z","namespace":"a","agent":"r"})", "id: is required"},
      {R"({"id":"a","namespace":"a","agent":"r"})", "time: is required"},
      {R"({"id":"a","time":"yesterday","namespace":"a","agent":"r"})", "time: want"},
      {R"({"id":"a","time":"2026-11-27T10:00:00Z","namespace":"a"})", "agent: is required"},
      {R"({"id":"a","time":"2026-11-27T10:00:00Z","namespace":"A/b","agent":"r"})", "namespace"},
      {With(R"(,"inputTokens":-1)"), "inputTokens: -1"},
      {With(R"(,"inputTokens":1.5e300)"), "inputTokens: is no whole number"},
      {With(R"(,"inputTokens":"x")"), "inputTokens: is no whole number"},
      {With(R"(,"cachedTokens":11)"), "cachedTokens: more than inputTokens"},
      {With(R"(,"reasoningTokens":3)"), "reasoningTokens: more than outputTokens"},
      {With(R"(,"latencyMs":-1)"), "latencyMs: -1"},
      {With(R"(,"costUSD":-1)"), "costUSD: want"},
      {With(R"(,"costUSD":"NaN")"), "costUSD: want"},
      {With(R"(,"outcome":"Fine")"), "outcome: want Success"},
      {With(R"(,"agent":7)"), "agent: is not text"},
      {With(R"(,"task":")" + std::string(300, 't') + "\""), "task: of 300 bytes"},
      {With(R"(,"model":"a\nb")"), "model"},
  };
  for (const auto& [body, want] : cases) EXPECT_THAT(ReasonOf(body), HasSubstr(want)) << body;
}

TEST(UsageBodyTest, WhatIsNoListOfRecordsIsRefusedWhole) {
  for (std::string body : {"", " ", "[", "{", "[1,", "nonsense", "\"x\"", "7", "null", "[{]", "]",
                           "{\"id\":\"a\"", "[]]", "\xff\xfe"}) {
    EXPECT_FALSE(DecodeUsage(body, "").ok()) << body;
  }
  std::string deep(100'000, '[');
  EXPECT_FALSE(DecodeUsage(deep, "").ok());
  std::string many = "[";
  for (std::size_t i = 0; i <= kMostRecords; ++i) many += i == 0 ? "{}" : ",{}";
  many += "]";
  EXPECT_EQ(DecodeUsage(many, "").error().code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace purser::usage::records
