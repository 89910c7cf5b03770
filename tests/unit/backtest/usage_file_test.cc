#include "backtest/usage_file.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace purser::backtest {
namespace {

std::string ProblemOf(std::string_view text) {
  const auto read = ReadUsage(text, "u", "default");
  return read ? "" : read.error().message();
}

TEST(UsageFileTest, LinesArrayAndTableAreTheSame) {
  const auto lines = ReadUsage(
      R"({"time":"2026-11-27T10:00:01Z","agent":"a","model":"m","costUSD":0.25,"inputTokens":7,"outcome":"Failure","unknown":[1]}
{"time":1795773600000,"namespace":"n","agent":"b, \"c\"","costUSD":"1.000000001"}
)",
      "u", "default");
  const auto array = ReadUsage(
      R"([{"time":"2026-11-27T10:00:01Z","agent":"a","model":"m","costUSD":"0.25","inputTokens":"7","outcome":"Failure"},
          {"time":1795773600000,"namespace":"n","agent":"b, \"c\"","costUSD":1.000000001}])",
      "u", "default");
  const auto table = ReadUsage(
      "agent,time,costUSD,model,namespace,inputTokens,outcome\r\n"
      "a,2026-11-27T10:00:01Z,0.25,m,,7,Failure\r\n\r\n"
      "\"b, \"\"c\"\"\",1795773600000,1.000000001,,n,,\n",
      "u", "default");
  for (const auto* read : {&lines, &array, &table}) {
    ASSERT_TRUE(*read) << read->error().message();
    ASSERT_EQ((*read)->size(), 2U);
    const auto& first = (**read)[0];  // by time
    EXPECT_EQ(first.key, (ledger::SpendKey{"default", "n", "b, \"c\"", "", "", ""}));
    EXPECT_EQ(first.at, *ParseRfc3339("2026-11-27T10:00:00Z"));
    EXPECT_EQ(first.amounts.cost.ToDecimal(), "1.000000001");
    const auto& second = (**read)[1];
    EXPECT_EQ(second.key, (ledger::SpendKey{"default", "default", "a", "m", "", ""}));
    EXPECT_EQ(second.amounts.input_tokens, 7);
    EXPECT_EQ(second.amounts.failed_calls, 1);
    EXPECT_EQ(second.amounts.calls, 1);
  }
}

TEST(UsageFileTest, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_EQ(ProblemOf("agent,time\na,noon\n"),
            "u:2: time: \"noon\", want 2026-11-27T10:00:00Z or milliseconds since 1970");
  EXPECT_EQ(ProblemOf("agent,time\n,2026-11-27T10:00:00Z\n"),
            "u:2: agent: \"\", want who made the call");
  EXPECT_EQ(ProblemOf("agent,time\na\n"), "u:2: line: \"a\", want 2 cells");
  EXPECT_EQ(ProblemOf("{\"agent\":\"a\"}"), "u:1: time: \"\", want when the call was made");
  EXPECT_EQ(ProblemOf("{\"agent\":\"a\",\"time\":0,\"costUSD\":-1}"),
            "u:1: costUSD: \"-1\", want dollars, not below 0");
  EXPECT_EQ(ProblemOf("{\"agent\":\"a\",\"time\":0,\"inputTokens\":1.5}"),
            "u:1: inputTokens: \"1.5\", want a whole number, not below 0");
  EXPECT_EQ(ProblemOf("{\"agent\":\"a\",\"time\":0}\n{oops"), "u:2: record: \"{oops\", want JSON");
  EXPECT_EQ(ProblemOf("[1"), "u:1: file: \"[\", want a JSON array of records");
  EXPECT_EQ(ProblemOf("[1]"), "u:1: record: \"1\", want an object");
  EXPECT_EQ(ProblemOf(""), "u:1: file: \"\", want at least one call");
  EXPECT_EQ(ProblemOf("{\"agent\":\"" + std::string(257, 'x') + "\",\"time\":0}").substr(0, 10),
            "u:1: name:");
}

}  // namespace
}  // namespace purser::backtest
