// The body of an answer of Prometheus' query API.
#include "usage/prometheus/answer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

using usage::AnswerEnd;
using usage::AnswerParser;
using usage::Label;
using usage::Problem;
using usage::Sample;

void CheckSeries(std::span<const Label> labels, std::span<const Sample> samples,
                 AnswerParser::Kind kind) {
  Require(!samples.empty(), "a series has a sample");
  Require(kind == AnswerParser::Kind::kMatrix || samples.size() == 1, "an instant has one sample");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Require(samples[i].value >= 0, "no sample is negative");
    Require(samples[i].at >= Timestamp(), "no sample is before 1970");
    Require(i == 0 || samples[i - 1].at < samples[i].at, "times ascend");
  }
  for (std::size_t i = 1; i < labels.size(); ++i)
    Require(labels[i - 1].name < labels[i].name, "labels ascend, each once");
}

void CheckAnswer(std::string_view text, AnswerParser::Kind kind, std::size_t piece) {
  std::int64_t count = 0;
  AnswerParser::Handlers handlers;
  handlers.on_labels = [](std::span<const Label>) { return AnswerParser::Values::kNanos; };
  handlers.on_series = [&](std::span<const Label> labels, std::span<const Sample> samples) {
    ++count;
    CheckSeries(labels, samples, kind);
  };
  handlers.on_odd = [](std::span<const Label>, std::string_view what) {
    Require(!what.empty() && what.size() < 1024, "what is odd is told shortly");
  };
  AnswerParser parser(kind, std::move(handlers), 1 << 20);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!parser.Feed(text.substr(at, piece)).ok()) return;
  }
  const auto end = parser.End();
  Require(parser.figures().series >= count, "what is read is counted");
  const auto* problem = std::get_if<Problem>(&end);
  if (problem == nullptr) return;
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
  const auto text = TextOf(data, size);
  CheckAnswer(text, AnswerParser::Kind::kMatrix, 64);
  CheckAnswer(text, AnswerParser::Kind::kVector, 7);
  CheckSeconds(text);
  return 0;
}
