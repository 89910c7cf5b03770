// The body of an answer of Prometheus' query API.
#include "usage/prometheus/answer.h"

#include <algorithm>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

using usage::AnswerFigures;
using usage::AnswerParser;
using usage::Problem;
using usage::Series;

std::optional<Problem> CheckSeries(const Series& series, AnswerParser::Kind kind) {
  Require(!series.samples.empty(), "a series has a sample");
  Require(kind == AnswerParser::Kind::kMatrix || series.samples.size() == 1,
          "an instant has one sample");
  for (std::size_t i = 0; i < series.samples.size(); ++i) {
    const auto& sample = series.samples[i];
    Require(sample.value >= Money(), "no sample is negative");
    Require(sample.at >= Timestamp(), "no sample is before 1970");
    Require(i == 0 || series.samples[i - 1].at < sample.at, "times ascend");
  }
  for (std::size_t i = 1; i < series.labels.size(); ++i)
    Require(series.labels[i - 1].name < series.labels[i].name, "labels ascend, each once");
  return std::nullopt;
}

void CheckAnswer(AnswerParser& parser, std::string_view text, AnswerParser::Kind kind) {
  AnswerFigures figures;
  std::int64_t count = 0;
  const auto problem = parser.Parse(
      std::string(text), kind,
      [&](const Series& series) {
        ++count;
        return CheckSeries(series, kind);
      },
      figures);
  Require(figures.series == count && figures.samples >= count, "what is read is counted");
  if (!problem) return;
  Require(!problem->reason.empty() && !problem->message.empty(), "a problem says what it is");
  Require(problem->message.size() < 2048, "a problem is told shortly");
}

void CheckSeconds(std::string_view text) {
  const auto time = usage::ParseSeconds(text);
  if (!time) return;
  const auto milliseconds = time->time_since_epoch().count();
  Require(milliseconds >= 0 && milliseconds < 253'402'300'800'000, "a time is in our calendar");
  const auto again = usage::ParseSeconds(std::to_string(milliseconds / 1000));
  Require(again && *again == std::chrono::floor<std::chrono::seconds>(*time),
          "whole seconds are read the same");
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace purser::fuzz;
  // Kept, as the reader keeps it: nothing of one answer may be left in the next.
  static AnswerParser parser;
  const auto text = TextOf(data, size);
  CheckAnswer(parser, text, AnswerParser::Kind::kMatrix);
  CheckAnswer(parser, text, AnswerParser::Kind::kVector);
  CheckSeconds(text);
  return 0;
}
