#include "usage/prometheus/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace purser::usage {
namespace {

using ::testing::HasSubstr;

struct Seen {
  std::string labels;
  std::vector<std::pair<std::int64_t, std::int64_t>> samples;  // ms, nanos
  bool operator==(const Seen&) const = default;
};

std::optional<Problem> Parse(const std::string& body, std::vector<Seen>& seen,
                             AnswerParser::Kind kind = AnswerParser::Kind::kMatrix) {
  AnswerParser parser;
  AnswerFigures figures;
  return parser.Parse(
      body, kind,
      [&](const Series& series) -> std::optional<Problem> {
        Seen one;
        for (const auto& label : series.labels)
          one.labels += std::string(label.name) + "=" + std::string(label.value) + ";";
        for (const auto& sample : series.samples)
          one.samples.emplace_back(sample.at.time_since_epoch().count(), sample.value.nanos());
        seen.push_back(std::move(one));
        return std::nullopt;
      },
      figures);
}

std::string Matrix(const std::string& result) {
  return R"({"status":"success","data":{"resultType":"matrix","result":)" + result + "}}";
}

TEST(AnswerParser, ReadsSeriesExactly) {
  std::vector<Seen> seen;
  const auto problem = Parse(
      R"( {"status" : "success", "infos":["x",{"y":[1,2]}], "data": {"resultType":"matrix", "stats":{"a":1},
      "result": [ {"metric":{"__name__":"cost","b":"2","a":"\u00e9\n"},
                   "values":[[1700000000.123,"12.5"],[1700000015,"3e-07"] , [1700000030.5,"1e+02"]]},
                  {"metric":{},"values":[[0,"0"]]}]}} )",
      seen);
  ASSERT_FALSE(problem.has_value()) << problem->message;
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].labels, "__name__=cost;a=\xc3\xa9\n;b=2;");
  const std::vector<std::pair<std::int64_t, std::int64_t>> want = {
      {1'700'000'000'123, 12'500'000'000},
      {1'700'000'015'000, 300},
      {1'700'000'030'500, 100'000'000'000}};
  EXPECT_EQ(seen[0].samples, want);
  EXPECT_EQ(seen[1], (Seen{"", {{0, 0}}}));
}

TEST(AnswerParser, ReadsVectorsAndEmptyResults) {
  std::vector<Seen> seen;
  EXPECT_FALSE(Parse(R"({"status":"success","data":{"resultType":"vector","result":[
      {"metric":{"a":"1"},"value":[1700000000.001,"5"]}]},"warnings":[]})",
                     seen, AnswerParser::Kind::kVector));
  EXPECT_EQ(seen, (std::vector<Seen>{{"a=1;", {{1'700'000'000'001, 5'000'000'000}}}}));
  seen.clear();
  EXPECT_FALSE(Parse(
      R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":null})", seen));
  EXPECT_TRUE(seen.empty());
}

TEST(AnswerParser, CountsWhatItRead) {
  AnswerParser parser;
  AnswerFigures figures;
  const auto ignore = [](const Series&) { return std::optional<Problem>(); };
  for (int round = 0; round < 2; ++round) {
    ASSERT_FALSE(parser.Parse(
        Matrix(
            R"([{"metric":{},"values":[[1,"1"],[2,"2"]]},{"metric":{"a":"b"},"values":[[1,"1"]]}])"),
        AnswerParser::Kind::kMatrix, ignore, figures));
    EXPECT_EQ(figures.series, 2);
    EXPECT_EQ(figures.samples, 3);
  }
}

TEST(AnswerParser, StopsAtTheCallersProblem) {
  AnswerParser parser;
  AnswerFigures figures;
  int calls = 0;
  const auto problem = parser.Parse(
      Matrix(R"([{"metric":{},"values":[[1,"1"]]},{"metric":{"a":"b"},"values":[[1,"1"]]}])"),
      AnswerParser::Kind::kMatrix,
      [&](const Series&) {
        ++calls;
        return std::optional(Problem{reason::kStoreUnavailable, "full", ErrorCode::kUnavailable});
      },
      figures);
  EXPECT_EQ(problem->reason, reason::kStoreUnavailable);
  EXPECT_EQ(calls, 1);
}

// A later number includes what was spent meanwhile; until it comes, nothing of the answer counts.
TEST(AnswerParser, ReadsOnAtTheNumberAfterANaN) {
  std::vector<Seen> seen;
  EXPECT_FALSE(
      Parse(Matrix(R"([{"metric":{},"values":[[1,"1"],[2,"NaN"],[3,"+Inf"],[4,"2.5"]]}])"), seen));
  EXPECT_EQ(seen, (std::vector<Seen>{{"", {{1000, 1'000'000'000}, {4000, 2'500'000'000}}}}));
  const auto problem = Parse(
      Matrix(R"([{"metric":{"a":"b"},"values":[[1,"1"],[2,"NaN"],[3,"2"],[4,"NaN"]]}])"), seen);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->reason, reason::kNotANumber);
  EXPECT_THAT(problem->message, HasSubstr("reading goes on at its next number"));
  EXPECT_EQ(Parse(Matrix(R"([{"metric":{},"values":[[1,"NaN"],[2,7],[3,"2"]]}])"), seen)->reason,
            reason::kBadAnswer);
}

struct Hostile {
  const char* name;
  std::string body;
  std::string_view reason;
  const char* text;
};

class HostileAnswer : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileAnswer, IsRefused) {
  std::vector<Seen> seen;
  const auto problem = Parse(GetParam().body, seen);
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->reason, GetParam().reason) << problem->message;
  EXPECT_THAT(problem->message, HasSubstr(GetParam().text));
  EXPECT_LT(problem->message.size(), 700u);
}

std::string OneValue(const std::string& value) {
  return Matrix(R"([{"metric":{"__name__":"cost","agent":"a"},"values":[[1700000000,)" + value +
                "]]}]");
}
std::string OneTime(const std::string& time) {
  return Matrix(R"([{"metric":{"agent":"a"},"values":[[)" + time + R"(,"1"]]}])");
}
std::string ManyLabels() {
  std::string labels = R"("l0":"")";
  for (int i = 1; i < 200; ++i) labels += ",\"l" + std::to_string(i) + "\":\"\"";
  return Matrix(R"([{"metric":{)" + labels + R"(},"values":[[1,"1"]]}])");
}

INSTANTIATE_TEST_SUITE_P(
    Table, HostileAnswer,
    ::testing::Values(
        Hostile{"Empty", "", reason::kBadAnswer, "check what answers"},
        Hostile{"Blank", "   ", reason::kBadAnswer, ""},
        Hostile{"Html", "<html><body>502 Bad Gateway</body></html>", reason::kBadAnswer, ""},
        Hostile{"Text", "upstream connect error", reason::kBadAnswer, ""},
        Hostile{"Array", "[]", reason::kBadAnswer, ""},
        Hostile{"Number", "5", reason::kBadAnswer, ""},
        Hostile{"OtherObject", R"({"kind":"Status"})", reason::kBadAnswer, "status"},
        Hostile{"NoData", R"({"status":"success"})", reason::kBadAnswer, "no \"data\""},
        Hostile{"NullData", R"({"status":"success","data":null})", reason::kBadAnswer, ""},
        Hostile{"EmptyData", R"({"status":"success","data":{}})", reason::kBadAnswer,
                "without resultType"},
        Hostile{"NoResult", R"({"status":"success","data":{"resultType":"matrix"}})",
                reason::kBadAnswer, "without"},
        Hostile{"NullResult",
                R"({"status":"success","data":{"resultType":"matrix","result":null}})",
                reason::kBadAnswer, ""},
        Hostile{
            "DataTwice",
            R"({"status":"success","data":{"resultType":"matrix","result":[]},"data":{"resultType":"matrix","result":[]}})",
            reason::kBadAnswer, "twice"},
        Hostile{"ResultTwice",
                R"({"status":"success","data":{"resultType":"matrix","result":[],"result":[]}})",
                reason::kBadAnswer, "twice"},
        Hostile{"Scalar", R"({"status":"success","data":{"resultType":"scalar","result":[1,"1"]}})",
                reason::kQueryFailed, "scalar"},
        Hostile{"Error", R"({"status":"error","errorType":"execution","error":"query timed out"})",
                reason::kQueryFailed, "query timed out"},
        Hostile{
            "Truncated",
            R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"])",
            reason::kBadAnswer, ""},
        Hostile{"Trailing", Matrix("[]") + "{}", reason::kBadAnswer, "follows"},
        Hostile{"BadUtf8", OneValue("\"1\"") + "\xff", reason::kBadAnswer, ""},
        Hostile{
            "Warning",
            R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["results may be incomplete"]})",
            reason::kIncomplete, "results may be incomplete"},
        Hostile{
            "WarningFirst",
            R"({"warnings":["w"],"status":"success","data":{"resultType":"matrix","result":[]}})",
            reason::kIncomplete, "w"},
        Hostile{
            "WarningWithoutText",
            R"({"warnings":[""],"status":"success","data":{"resultType":"matrix","result":[]}})",
            reason::kIncomplete, "no text"},
        Hostile{"WarningsAreText",
                R"({"warnings":"w","status":"success","data":{"resultType":"matrix","result":[]}})",
                reason::kBadAnswer, ""},
        Hostile{"NaN", OneValue("\"NaN\""), reason::kNotANumber, "cost{agent=\"a\"}"},
        Hostile{"Infinity", OneValue("\"+Inf\""), reason::kNotANumber, "Inf"},
        Hostile{"Negative", OneValue("\"-3\""), reason::kNotANumber, "negative"},
        Hostile{"Huge", OneValue("\"1e300\""), reason::kNotANumber, "too large"},
        Hostile{"NoNumber", OneValue("\"twelve\""), reason::kNotANumber, "twelve"},
        Hostile{"EmptyValue", OneValue("\"\""), reason::kNotANumber, ""},
        Hostile{"BareNumber", OneValue("12.5"), reason::kBadAnswer, ""},
        Hostile{"NullValue", OneValue("null"), reason::kBadAnswer, ""},
        Hostile{"ThreeParts", OneValue(R"("1","2")"), reason::kBadAnswer, "more than two"},
        Hostile{"OnePart", Matrix(R"([{"metric":{},"values":[[1]]}])"), reason::kBadAnswer,
                "less than two"},
        Hostile{"Histogram", Matrix(R"([{"metric":{"a":"b"},"histograms":[[1,{}]]}])"),
                reason::kNotANumber, "histogram"},
        Hostile{"NoValues", Matrix(R"([{"metric":{"a":"b"}}])"), reason::kBadAnswer, ""},
        Hostile{"EmptyValues", Matrix(R"([{"metric":{"a":"b"},"values":[]}])"), reason::kBadAnswer,
                ""},
        Hostile{"NoMetric", Matrix(R"([{"values":[[1,"1"]]}])"), reason::kBadAnswer, ""},
        Hostile{"MetricTwice", Matrix(R"([{"metric":{},"metric":{},"values":[[1,"1"]]}])"),
                reason::kBadAnswer, "twice"},
        Hostile{"LabelTwice", Matrix(R"([{"metric":{"a":"1","a":"2"},"values":[[1,"1"]]}])"),
                reason::kBadAnswer, "label twice"},
        Hostile{"LabelNumber", Matrix(R"([{"metric":{"a":1},"values":[[1,"1"]]}])"),
                reason::kBadAnswer, ""},
        Hostile{"ManyLabels", ManyLabels(), reason::kBadAnswer, "128"},
        Hostile{"TimesFall", Matrix(R"([{"metric":{"a":"b"},"values":[[2,"1"],[1,"1"]]}])"),
                reason::kBadAnswer, "ascend"},
        Hostile{"TimesEqual", Matrix(R"([{"metric":{"a":"b"},"values":[[2,"1"],[2,"1"]]}])"),
                reason::kBadAnswer, "ascend"},
        Hostile{"TimeText", OneTime("\"1\""), reason::kBadAnswer, "time"},
        Hostile{"TimeNegative", OneTime("-1"), reason::kBadAnswer, "time"},
        Hostile{"TimeExponent", OneTime("1.7e9"), reason::kBadAnswer, "time"},
        Hostile{"TimeFar", OneTime("999999999999"), reason::kBadAnswer, "time"}),
    [](const auto& hostile) { return std::string(hostile.param.name); });

TEST(ParseSeconds, IsExact) {
  const struct {
    const char* text;
    std::int64_t milliseconds;  // -1: refused
  } cases[] = {{"0", 0},
               {"1700000000", 1'700'000'000'000},
               {"1700000000.1", 1'700'000'000'100},
               {"1.023", 1'023},
               {"1.02300", 1'023},
               {"1.0231", -1},
               {"253402300799", 253'402'300'799'000},
               {"253402300800", -1},
               {"99999999999999999999999", -1},
               {"", -1},
               {".5", -1},
               {"1.", -1},
               {"-1", -1},
               {"1e3", -1},
               {"1.2.3", -1},
               {" 1", -1}};
  for (const auto& [text, milliseconds] : cases) {
    const auto parsed = ParseSeconds(text);
    EXPECT_EQ(parsed ? parsed->time_since_epoch().count() : -1, milliseconds) << text;
  }
}

TEST(AnswerParser, SurvivesEveryTruncationAndByteFlip) {
  const std::string body =
      Matrix(R"([{"metric":{"__name__":"cost","agent":"a"},"values":[[1700000000.5,"1.5"]]}])");
  std::vector<Seen> whole;
  ASSERT_FALSE(Parse(body, whole));
  for (std::size_t size = 0; size < body.size(); ++size) {
    std::vector<Seen> seen;
    EXPECT_TRUE(Parse(body.substr(0, size), seen).has_value()) << size;
  }
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (const char byte : {'\0', '"', '{', '}', '[', ']', ',', ':', '\\', '\x80', '9'}) {
      std::string changed = body;
      changed[i] = byte;
      std::vector<Seen> seen;
      (void)Parse(changed, seen);
    }
  }
}

}  // namespace
}  // namespace purser::usage
