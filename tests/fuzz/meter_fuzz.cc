// A cursor's text in the first line, then samples: each two bytes are a step of time and a value.
#include "usage/meter/meter.h"

#include <map>

#include "fuzz/target.h"

namespace purser::fuzz {
namespace {

using usage::Booked;
using usage::Label;
using usage::Meter;
using usage::Observation;
using usage::Reading;
using usage::Sample;

constexpr Timestamp kStart{std::chrono::seconds(1'800'000'000)};
constexpr ledger::SeriesId kSeries{1, 2};

std::vector<Sample> SamplesOf(std::string_view text) {
  std::vector<Sample> samples;
  Timestamp at = kStart;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto step = static_cast<unsigned char>(text[i]);
    const auto level = static_cast<unsigned char>(text[i + 1]);
    at += Duration(1 + step * 1000);
    samples.push_back({at, static_cast<std::int64_t>(level & 15) << (level >> 4) * 4});
  }
  return samples;
}

Reading Take(Meter& meter, std::span<const Sample> samples, std::uint64_t raw) {
  const std::vector<Label> labels = {{"__name__", "cost"}};
  Observation observation;
  observation.identity = kSeries;
  observation.raw = raw;
  observation.labels = labels;
  observation.samples = samples;
  meter.Begin(samples.back().at, false);
  meter.Take(observation);
  for (const auto& question : meter.Questions(1))
    if (question.number % 2 == 1) meter.Tell(question.number, question.at - Duration(5000));
  return meter.Finish();
}

bool Same(const Reading& a, const Reading& b) {
  const auto equal = [](const Booked& x, const Booked& y) {
    return x.at == y.at && x.value == y.value && x.key == y.key;
  };
  return a.cursors == b.cursors && a.rates == b.rates && a.notes.size() == b.notes.size() &&
         std::equal(a.booked.begin(), a.booked.end(), b.booked.begin(), b.booked.end(), equal);
}

void Run(std::string_view text) {
  const std::string state(TakeLine(text));
  const auto samples = SamplesOf(text);
  Meter meter({});
  meter.Load({{kSeries, kStart, state}});
  if (samples.empty()) return;
  const std::span<const Sample> all(samples);
  const std::size_t half = samples.size() / 2;
  for (const auto part : {all.subspan(0, half), all}) {
    if (part.empty()) continue;
    const Reading abandoned = Take(meter, part, 1);
    meter.Abandon();
    const Reading reading = Take(meter, part, 1);
    Require(Same(abandoned, reading), "an answer that was abandoned leaves no trace");
    meter.Commit();
    for (const auto& cursor : reading.cursors) {
      Require(cursor.state.size() <= ledger::kLongestCursor, "a cursor is bounded");
      Meter other({});
      other.Load({cursor});
      Require(other.Knows(kSeries), "a cursor that was written can be read");
      Require(Take(other, part, 1).booked.empty(), "a replay books nothing twice");
      other.Abandon();
    }
    Require(Take(meter, part, 1).booked.empty(), "what is known is not booked again");
    meter.Abandon();
  }
}

}  // namespace
}  // namespace purser::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  purser::fuzz::Run(purser::fuzz::TextOf(data, size));
  return 0;
}
