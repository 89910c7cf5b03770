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

struct Outcome {
  std::optional<Problem> problem;
  std::vector<std::string> warnings;
  bool partial = false;
  std::vector<std::string> odd;  // "labels: what"
  AnswerFigures figures;
};

std::string TextOf(std::span<const Label> labels) {
  std::string text;
  for (const auto& label : labels)
    text += std::string(label.name) + "=" + std::string(label.value) + ";";
  return text;
}

// In pieces of `piece` bytes.
Outcome Parse(const std::string& body, std::vector<Seen>& seen,
              AnswerParser::Kind kind = AnswerParser::Kind::kMatrix, std::size_t piece = 1000,
              AnswerParser::Values values = AnswerParser::Values::kNanos) {
  Outcome outcome;
  AnswerParser::Handlers handlers;
  handlers.on_labels = [&](std::span<const Label> labels) {
    return TextOf(labels).find("left=out") == std::string::npos ? values
                                                                : AnswerParser::Values::kLeaveOut;
  };
  handlers.on_series = [&](std::span<const Label> labels, std::span<const Sample> samples) {
    Seen one{TextOf(labels), {}};
    for (const auto& sample : samples)
      one.samples.emplace_back(sample.at.time_since_epoch().count(), sample.value);
    seen.push_back(std::move(one));
  };
  handlers.on_odd = [&](std::span<const Label> labels, std::string_view what) {
    outcome.odd.push_back(TextOf(labels) + ": " + std::string(what));
  };
  AnswerParser parser(kind, std::move(handlers), 1 << 20);
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const auto fed = parser.Feed(std::string_view(body).substr(at, piece));
    if (fed.ok()) continue;
    outcome.problem = Problem{reason::kBadAnswer, fed.error().message() + " (check what answers)",
                              fed.error().code()};
    return outcome;
  }
  auto end = parser.End();
  outcome.figures = parser.figures();
  if (auto* problem = std::get_if<Problem>(&end)) {
    outcome.problem = std::move(*problem);
  } else {
    outcome.warnings = std::get<AnswerEnd>(end).warnings;
    outcome.partial = std::get<AnswerEnd>(end).partial;
  }
  return outcome;
}

std::string Matrix(const std::string& result) {
  return R"({"status":"success","data":{"resultType":"matrix","result":)" + result + "}}";
}

TEST(AnswerParser, ReadsSeriesExactly) {
  for (const std::size_t piece : {1, 7, 1000}) {
    std::vector<Seen> seen;
    const auto problem =
        Parse(
            R"( {"status" : "success", "infos":["x",{"y":[1,2]}], "data": {"resultType":"matrix", "stats":{"a":1},
      "result": [ {"metric":{"__name__":"cost","b":"2","a":"\u00e9\n"},
                   "values":[[1700000000.123,"12.5"],[1700000015,"3e-07"] , [1700000030.5,"1e+02"]]},
                  {"metric":{},"values":[[0,"0"]]}]}} )",
            seen, AnswerParser::Kind::kMatrix, piece)
            .problem;
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
}

TEST(AnswerParser, ReadsVectorsAndEmptyResults) {
  std::vector<Seen> seen;
  EXPECT_FALSE(Parse(R"({"status":"success","data":{"resultType":"vector","result":[
      {"metric":{"a":"1"},"value":[1700000000.001,"5"]}]},"warnings":[]})",
                     seen, AnswerParser::Kind::kVector)
                   .problem);
  EXPECT_EQ(seen, (std::vector<Seen>{{"a=1;", {{1'700'000'000'001, 5'000'000'000}}}}));
  seen.clear();
  EXPECT_FALSE(
      Parse(R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":null})",
            seen)
          .problem);
  EXPECT_TRUE(seen.empty());
}

TEST(AnswerParser, CountsWhatItRead) {
  std::vector<Seen> seen;
  const auto body = Matrix(
      R"([{"metric":{},"values":[[1,"1"],[2,"2"]]},{"metric":{"a":"b"},"values":[[1,"1"]]}])");
  const auto outcome = Parse(body, seen);
  EXPECT_EQ(outcome.figures.series, 2);
  EXPECT_EQ(outcome.figures.samples, 3);
  EXPECT_EQ(outcome.figures.bytes, static_cast<std::int64_t>(body.size()));
}

TEST(AnswerParser, ReadsTokensAsWholeNumbersAndLeavesOutWhatItIsTold) {
  std::vector<Seen> seen;
  const auto outcome = Parse(Matrix(R"([{"metric":{"a":"b"},"values":[[1,"8.123456e+15"]]},
      {"metric":{"left":"out"},"values":[[1,"NaN"]],"histograms":[]}])"),
                             seen, AnswerParser::Kind::kMatrix, 1000, AnswerParser::Values::kWhole);
  EXPECT_EQ(seen, (std::vector<Seen>{{"a=b;", {{1000, 8'123'456'000'000'000}}}}));
  EXPECT_TRUE(outcome.odd.empty());
}

TEST(AnswerParser, TellsOfWarningsAndParts) {
  std::vector<Seen> seen;
  const auto outcome = Parse(
      R"({"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[
         {"metric":{},"values":[[1,"1"]]}]},"warnings":["one\u0001",""]})",
      seen);
  EXPECT_FALSE(outcome.problem);
  EXPECT_TRUE(outcome.partial);
  EXPECT_EQ(outcome.warnings, (std::vector<std::string>{"one?", "(no text)"}));
  EXPECT_EQ(seen.size(), 1u);
}

// A later number includes what was spent meanwhile; a last value that is none is odd.
TEST(AnswerParser, ReadsOnAtTheNumberAfterANaN) {
  std::vector<Seen> seen;
  auto outcome =
      Parse(Matrix(R"([{"metric":{},"values":[[1,"1"],[2,"NaN"],[3,"+Inf"],[4,"2.5"]]}])"), seen);
  EXPECT_FALSE(outcome.problem);
  EXPECT_TRUE(outcome.odd.empty());
  EXPECT_EQ(seen, (std::vector<Seen>{{"", {{1000, 1'000'000'000}, {4000, 2'500'000'000}}}}));
  seen.clear();
  outcome = Parse(
      Matrix(R"([{"metric":{"a":"b"},"values":[[1,"1"],[2,"NaN"],[3,"2"],[4,"NaN"],[5,"NaN"]]}])"),
      seen);
  EXPECT_FALSE(outcome.problem);
  EXPECT_EQ(seen, (std::vector<Seen>{{"a=b;", {{1000, 1'000'000'000}, {3000, 2'000'000'000}}}}));
  ASSERT_EQ(outcome.odd.size(), 1u);
  EXPECT_THAT(outcome.odd[0], HasSubstr("NaN"));
}

// VictoriaMetrics marks the end of a series so.
TEST(AnswerParser, OneNaNAtTheEndIsTheEndOfASeries) {
  std::vector<Seen> seen;
  const auto outcome = Parse(Matrix(R"([{"metric":{"a":"b"},"values":[[1,"1"],[2,"NaN"]]},
      {"metric":{"a":"c"},"values":[[1,"NaN"]]}])"),
                             seen);
  EXPECT_FALSE(outcome.problem);
  EXPECT_TRUE(outcome.odd.empty());
  EXPECT_EQ(seen, (std::vector<Seen>{{"a=b;", {{1000, 1'000'000'000}}}}));
}

struct OddCase {
  const char* name;
  std::string series;
  const char* what;
};

class OddSeries : public ::testing::TestWithParam<OddCase> {};

// One bad series never touches its neighbours.
TEST_P(OddSeries, IsToldAloneAndItsNeighboursAreRead) {
  std::vector<Seen> seen;
  const auto outcome =
      Parse(Matrix(R"([{"metric":{"n":"1"},"values":[[1,"1"]]},)" + GetParam().series +
                   R"(,{"metric":{"n":"2"},"values":[[1,"2"]]}])"),
            seen);
  EXPECT_FALSE(outcome.problem) << outcome.problem->message;
  ASSERT_EQ(outcome.odd.size(), 1u);
  EXPECT_THAT(outcome.odd[0], HasSubstr(GetParam().what));
  ASSERT_GE(seen.size(), 2u);
  EXPECT_EQ(seen.front().labels, "n=1;");
  EXPECT_EQ(seen.back().labels, "n=2;");
}

std::string SeriesOf(const std::string& value) {
  return R"({"metric":{"__name__":"cost","agent":"a"},"values":[[1700000000,)" + value + "]]}";
}
std::string ManyLabels() {
  std::string labels = R"("l0":"")";
  for (int i = 1; i < 200; ++i) labels += ",\"l" + std::to_string(i) + "\":\"\"";
  return R"({"metric":{)" + labels + R"(},"values":[[1,"1"]]})";
}

INSTANTIATE_TEST_SUITE_P(
    Table, OddSeries,
    ::testing::Values(
        OddCase{"NaN", R"({"metric":{"agent":"a"},"values":[[1,"NaN"],[2,"NaN"]]})",
                "agent=a;: \"NaN\""},
        OddCase{"Infinity", SeriesOf("\"+Inf\""), "Inf"},
        OddCase{"Negative", SeriesOf("\"-3\""), "negative"},
        OddCase{"Huge", SeriesOf("\"1e300\""), "too large"},
        OddCase{"NoNumber", SeriesOf("\"twelve\""), "twelve"},
        OddCase{"EmptyValue", SeriesOf("\"\""), ""},
        OddCase{"Histogram", R"({"metric":{"a":"b"},"histograms":[[1,{}]]})", "histogram"},
        OddCase{"Both", R"({"metric":{"a":"b"},"values":[[1,"1"]],"histograms":[[1,{}]]})",
                "histogram"},
        OddCase{"ManyLabels", ManyLabels(), "128"},
        OddCase{"LabelTwice", R"({"metric":{"a":"1","a":"2"},"values":[[1,"1"]]})", "label twice"},
        OddCase{"TimesFall", R"({"metric":{"a":"b"},"values":[[2,"1"],[1,"1"]]})", "ascend"},
        OddCase{"TimesEqual", R"({"metric":{"a":"b"},"values":[[2,"1"],[2,"1"]]})", "ascend"}),
    [](const auto& odd) { return std::string(odd.param.name); });

struct Hostile {
  const char* name;
  std::string body;
  std::string_view reason;
  const char* text;
};

class HostileAnswer : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileAnswer, IsRefused) {
  std::vector<Seen> seen;
  const auto problem = Parse(GetParam().body, seen).problem;
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
                reason::kBadAnswer, "not a list"},
        Hostile{"Vector", R"({"status":"success","data":{"resultType":"vector","result":[]}})",
                reason::kQueryFailed, "vector"},
        Hostile{"Error", R"({"status":"error","errorType":"execution","error":"query timed out"})",
                reason::kQueryFailed, "query timed out"},
        Hostile{
            "Truncated",
            R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"])",
            reason::kBadAnswer, ""},
        Hostile{"Trailing", Matrix("[]") + "{}", reason::kBadAnswer, ""},
        Hostile{"BadUtf8", OneValue("\"1\"") + "\xff", reason::kBadAnswer, ""},
        Hostile{"BareNumber", OneValue("12.5"), reason::kBadAnswer, ""},
        Hostile{"NullValue", OneValue("null"), reason::kBadAnswer, ""},
        Hostile{"ThreeParts", OneValue(R"("1","2")"), reason::kBadAnswer, "more than two"},
        Hostile{"OnePart", Matrix(R"([{"metric":{},"values":[[1]]}])"), reason::kBadAnswer,
                "less than two"},
        Hostile{"NoValues", Matrix(R"([{"metric":{"a":"b"}}])"), reason::kBadAnswer, ""},
        Hostile{"EmptyValues", Matrix(R"([{"metric":{"a":"b"},"values":[]}])"), reason::kBadAnswer,
                ""},
        Hostile{"NoMetric", Matrix(R"([{"values":[[1,"1"]]}])"), reason::kBadAnswer, ""},
        Hostile{"MetricTwice", Matrix(R"([{"metric":{},"metric":{},"values":[[1,"1"]]}])"),
                reason::kBadAnswer, "twice"},
        Hostile{"LabelNumber", Matrix(R"([{"metric":{"a":1},"values":[[1,"1"]]}])"),
                reason::kBadAnswer, ""},
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
  ASSERT_FALSE(Parse(body, whole).problem);
  for (std::size_t size = 0; size < body.size(); ++size) {
    std::vector<Seen> seen;
    EXPECT_TRUE(Parse(body.substr(0, size), seen).problem.has_value()) << size;
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
