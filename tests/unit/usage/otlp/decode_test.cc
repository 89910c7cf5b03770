// What OpenTelemetry's own SDK sends (recorded by record.py), and what nobody should.
#include "usage/otlp/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

namespace purser::usage::otlp {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string Recorded(const std::string& name) {
  std::ifstream file(std::string(PURSER_SOURCE_DIR) + "/tests/unit/usage/otlp/recorded/" + name,
                     std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

std::map<std::string, Call> ByAgent(const Calls& calls) {
  std::map<std::string, Call> by;
  for (const auto& call : calls.calls) by[call.agent] = call;
  return by;
}

void ExpectTheTraces(const Calls& calls) {
  EXPECT_THAT(calls.rejected, IsEmpty());
  EXPECT_EQ(calls.skipped, 3) << "the agent, the tool, and the framework around the client";
  ASSERT_EQ(calls.calls.size(), 3U);
  const auto by = ByAgent(calls);
  const auto& chat = by.at("writer");  // by the invoke_agent around it
  EXPECT_EQ(chat.model, "gpt-5-2026-08-07");
  EXPECT_EQ(chat.provider, "openai");
  EXPECT_EQ(chat.tokens, (Tokens{.input = 1200, .output = 80, .cached = 1000}));
  EXPECT_EQ(chat.ns, "agents");
  EXPECT_EQ(chat.pod_uid, "uid-1");
  EXPECT_EQ(chat.session, "c-1");
  EXPECT_FALSE(chat.failed);
  EXPECT_FALSE(chat.cost.has_value());
  EXPECT_EQ(chat.id.size(), 32U + 1 + 16);
  const auto& old = by.at("old-timer");  // by its own attribute
  EXPECT_EQ(old.tokens, (Tokens{.input = 10, .output = 5}));
  EXPECT_EQ(old.cost, Money::FromNanos(12'500'000));
  EXPECT_EQ(old.task, "t-9");
  const auto& failing = by.at("research");  // by service.name
  EXPECT_TRUE(failing.failed);
  EXPECT_EQ(failing.error, "rate limited");
}

TEST(OtlpDecodeTest, TracesOfTheSdk) {
  const auto calls = DecodeTraces(Recorded("traces-0.pb"), Encoding::kProtobuf);
  ASSERT_TRUE(calls.ok()) << calls.error().message();
  ExpectTheTraces(*calls);
}

TEST(OtlpDecodeTest, TheSameTracesAsJsonHaveTheSameIds) {
  const auto binary = DecodeTraces(Recorded("traces-0.pb"), Encoding::kProtobuf);
  const auto json = DecodeTraces(Recorded("traces-0.json"), Encoding::kJson);
  ASSERT_TRUE(json.ok()) << json.error().message();
  ExpectTheTraces(*json);
  EXPECT_EQ(ByAgent(*json).at("writer").id, ByAgent(*binary).at("writer").id);
}

TEST(OtlpDecodeTest, ClaudeCodesEvents) {
  Calls all;
  for (const auto* name : {"logs-0.pb", "logs-1.pb", "logs-2.pb", "logs-3.pb"}) {
    const auto calls = DecodeLogs(Recorded(name), Encoding::kProtobuf);
    ASSERT_TRUE(calls.ok());
    EXPECT_THAT(calls->rejected, IsEmpty());
    all.skipped += calls->skipped;
    all.calls.insert(all.calls.end(), calls->calls.begin(), calls->calls.end());
  }
  EXPECT_EQ(all.skipped, 1);
  ASSERT_EQ(all.calls.size(), 3U);
  const auto& first = all.calls[0];
  EXPECT_EQ(first.id, "req_011CT");
  EXPECT_EQ(first.agent, "coder") << "by OTEL_RESOURCE_ATTRIBUTES";
  EXPECT_EQ(first.cost, Money::FromNanos(27'123'000)) << "the exact one";
  EXPECT_EQ(first.tokens,
            (Tokens{.input = 17'012, .output = 330, .cached = 15'000, .cache_creation = 2'000}));
  EXPECT_EQ(first.latency_ms, 4211);
  EXPECT_EQ(first.session, "s-1");
  const auto& second = all.calls[1];
  EXPECT_EQ(second.id, "s-1/2");
  EXPECT_EQ(second.cost, Money::FromNanos(1'000'000)) << "text is a number too";
  EXPECT_EQ(second.latency_ms, 900);
  EXPECT_TRUE(all.calls[2].failed);
  EXPECT_EQ(all.calls[2].error, "overloaded_error");
}

TEST(OtlpDecodeTest, ClaudeCodesEventsAsJson) {
  const auto calls = DecodeLogs(Recorded("logs-1.json"), Encoding::kJson);
  ASSERT_TRUE(calls.ok()) << calls.error().message();
  ASSERT_EQ(calls->calls.size(), 1U);
  EXPECT_EQ(calls->calls[0].cost, Money::FromNanos(27'123'000));
}

std::map<std::string, Amounts> Sums(const std::string& name, bool& cumulative) {
  const auto points = DecodeMetrics(Recorded(name), Encoding::kProtobuf);
  EXPECT_TRUE(points.ok());
  std::map<std::string, Amounts> by;
  for (const auto& point : points->points) {
    by[point.who.model] += point.amounts;
    cumulative = point.cumulative;
    EXPECT_EQ(point.who.agent, "coder");
    EXPECT_LE(point.start, point.who.at);
  }
  return by;
}

TEST(OtlpDecodeTest, MetricsOfBothTemporalities) {
  bool cumulative = true;
  for (const auto* name : {"metrics-delta-0.pb", "metrics-delta-1.pb"}) {
    const auto delta = Sums(name, cumulative);
    EXPECT_FALSE(cumulative);
    EXPECT_EQ(delta.at("claude-sonnet-4-5").cost, Money::FromNanos(250'000'000));
    EXPECT_EQ(delta.at("claude-sonnet-4-5").output_tokens, 100);
    EXPECT_EQ(delta.at("claude-sonnet-4-5").cached_tokens, 5000);
    EXPECT_EQ(delta.at("gpt-5").input_tokens, 40);
  }
  const auto sum = Sums("metrics-cumulative-1.pb", cumulative);
  EXPECT_TRUE(cumulative);
  EXPECT_EQ(sum.at("claude-sonnet-4-5").cost, Money::FromNanos(500'000'000));
  EXPECT_EQ(sum.at("gpt-5").input_tokens, 80);
}

TEST(OtlpDecodeTest, OnePointIsTheSameSeriesAtAnotherTime) {
  const auto first = DecodeMetrics(Recorded("metrics-delta-0.pb"), Encoding::kProtobuf);
  const auto second = DecodeMetrics(Recorded("metrics-delta-1.pb"), Encoding::kProtobuf);
  EXPECT_EQ(first->points[0].series, second->points[0].series);
  EXPECT_NE(first->points[0].who.id, second->points[0].who.id);
  EXPECT_NE(first->points[0].series, first->points[1].series);
}

std::string Log(const std::string& attributes) {
  return R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795770000000000000",)"
         R"("eventName":"claude_code.api_request","attributes":[)" +
         attributes + "]}]}]}]}";
}

TEST(OtlpDecodeTest, WhatIsNoAmountIsRefusedByName) {
  for (const auto* value : {R"({"intValue":"-5"})", R"({"doubleValue":-0.5})",
                            R"({"doubleValue":"NaN"})", R"({"doubleValue":1e300})",
                            R"({"stringValue":"many"})", R"({"intValue":"9223372036854775807"})"}) {
    const auto calls =
        DecodeLogs(Log(std::string(R"({"key":"request_id","value":{"stringValue":"r"}},)") +
                       R"({"key":"cost_usd_micros","value":)" + value + "}"),
                   Encoding::kJson);
    ASSERT_TRUE(calls.ok()) << value << calls.error().message();
    EXPECT_THAT(calls->calls, IsEmpty()) << value;
    ASSERT_EQ(calls->rejected.size(), 1U) << value;
    EXPECT_EQ(calls->rejected[0].id, "r");
    EXPECT_THAT(calls->rejected[0].reason, HasSubstr("cost_usd_micros"));
  }
}

TEST(OtlpDecodeTest, AnEmptyBodyIsFine) {
  for (const auto encoding : {Encoding::kProtobuf, Encoding::kJson}) {
    const std::string body = encoding == Encoding::kJson ? "{}" : "";
    EXPECT_TRUE(DecodeTraces(body, encoding).ok());
    EXPECT_TRUE(DecodeLogs(body, encoding).ok());
    EXPECT_TRUE(DecodeMetrics(body, encoding).ok());
  }
}

TEST(OtlpDecodeTest, WhatIsNoDocumentSaysSo) {
  EXPECT_EQ(DecodeTraces("\xff\xff\xff", Encoding::kProtobuf).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_THAT(DecodeTraces("[", Encoding::kJson).error().message(), HasSubstr("JSON"));
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_THAT(DecodeTraces(deep, Encoding::kJson).error().message(), HasSubstr("64 levels"));
  std::string nested;  // an AnyValue in an array in an AnyValue …
  for (int level = 0; level < 20'000; ++level) nested = "\x2a" + nested;
  EXPECT_FALSE(DecodeTraces(nested, Encoding::kProtobuf).ok());
}

TEST(OtlpDecodeTest, EncodingsByContentType) {
  EXPECT_EQ(EncodingOf("application/x-protobuf"), Encoding::kProtobuf);
  EXPECT_EQ(EncodingOf("Application/JSON; charset=utf-8"), Encoding::kJson);
  EXPECT_EQ(EncodingOf("text/plain"), std::nullopt);
}

TEST(OtlpDecodeTest, SpansThatAreTheirOwnParents) {
  const auto span = [](const std::string& id, const std::string& parent) {
    return R"({"traceId":"5b8efff798038103d269b633813fc60c","spanId":")" + id +
           R"(","parentSpanId":")" + parent +
           R"(","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]})";
  };
  const auto body = R"({"resourceSpans":[{"scopeSpans":[{"spans":[)" +
                    span("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb") + "," +
                    span("bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa") + "," +
                    span("cccccccccccccccc", "cccccccccccccccc") + "]}]}]}";
  EXPECT_TRUE(DecodeTraces(body, Encoding::kJson).ok());
}

// Bytes changed, cut out and doubled at random: an answer, whatever it is.
TEST(OtlpDecodeTest, NoBodyEndsTheProcess) {
  std::mt19937 random(11);
  for (const auto* name :
       {"traces-0.pb", "traces-0.json", "logs-1.pb", "logs-1.json", "metrics-delta-0.pb"}) {
    const auto body = Recorded(name);
    const auto encoding =
        std::string(name).ends_with(".json") ? Encoding::kJson : Encoding::kProtobuf;
    for (int round = 0; round < 400; ++round) {
      auto changed = body;
      for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
        const auto at = random() % changed.size();
        if (random() % 3 == 0) {
          changed[at] = static_cast<char>(random());
        } else if (random() % 2 == 0) {
          changed.erase(at, 1 + random() % 8);
        } else {
          changed.insert(at, changed.substr(at, 1 + random() % 16));
        }
      }
      (void)DecodeTraces(changed, encoding);
      (void)DecodeLogs(changed, encoding);
      (void)DecodeMetrics(changed, encoding);
    }
  }
}

}  // namespace
}  // namespace purser::usage::otlp
