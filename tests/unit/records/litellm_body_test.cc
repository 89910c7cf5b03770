#include "usage/records/litellm_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace purser::usage::records {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// As LiteLLM 1.110 sends it, shortened.
constexpr const char* kPayload =
    R"({"id":"chatcmpl-1","trace_id":"t-9","status":"success","response_cost":0.0012345,)"
    R"("custom_llm_provider":"openai","model":"gpt-4o","prompt_tokens":100,"completion_tokens":20,)"
    R"("startTime":1795773600.5,"endTime":1795773601.75,"metadata":{"user_api_key_alias":"writer",)"
    R"("user_api_key_team_alias":"agents","spend_logs_metadata":{"task":"t-1"},)"
    R"("requester_custom_headers":{"x-purser-agent":"researcher"}}})";

TEST(LiteLlmBodyTest, ItsThreeFormats) {
  const std::string one = kPayload;
  for (const auto& body : {"[" + one + "," + one + "]", one + "\n" + one + "\n"}) {
    const auto decoded = DecodeLiteLlm(body, "");
    ASSERT_TRUE(decoded.ok());
    EXPECT_THAT(decoded->records, SizeIs(2));
  }
  const auto decoded = DecodeLiteLlm(one, "");
  ASSERT_TRUE(decoded.ok());
  ASSERT_THAT(decoded->records, SizeIs(1));
  const auto& record = decoded->records[0];
  EXPECT_EQ(record.id, "chatcmpl-1");
  EXPECT_EQ(record.ns, "agents");
  EXPECT_EQ(record.agent, "researcher") << "its own header comes before the key's alias";
  EXPECT_EQ(record.task, "t-1");
  EXPECT_EQ(record.cost->nanos(), 1'234'500);
  EXPECT_EQ(record.tokens.input, 100);
  EXPECT_EQ(record.latency_ms, 1250);
}

TEST(LiteLlmBodyTest, WhatCannotBeAttributedIsRejectedAlone) {
  const auto decoded =
      DecodeLiteLlm(R"([{"id":"a","endTime":1795773601,"metadata":null},{"id":"b"},7,)" +
                        std::string(kPayload) + "]",
                    "agents");
  ASSERT_TRUE(decoded.ok());
  EXPECT_THAT(decoded->records, SizeIs(1));
  ASSERT_THAT(decoded->rejected, SizeIs(3));
  EXPECT_THAT(decoded->rejected[0].reason, HasSubstr("x-purser-agent"));
  EXPECT_THAT(decoded->rejected[1].reason, HasSubstr("endTime"));
  for (const std::string body : {"", "[", "nonsense", "7"})
    EXPECT_FALSE(DecodeLiteLlm(body, "").ok()) << body;
  EXPECT_FALSE(DecodeLiteLlm(std::string(100'000, '['), "").ok());
}

}  // namespace
}  // namespace purser::usage::records
