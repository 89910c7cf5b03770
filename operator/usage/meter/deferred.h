// Series of an answer that wait for its end: for a start time, for another series to be read, or
// for a twin.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "usage/meter/books.h"
#include "usage/meter/meter.h"

namespace purser::usage {

struct Deferred {
  ledger::SeriesId identity;
  std::uint32_t raw = 0;
  std::uint32_t key = 0;
  Quantity quantity = Quantity::kCost;
  bool aggregated = false;
  std::uint32_t client = 0;
  bool small = false;  // a first value that nobody would ask about
  std::optional<Timestamp> start;
  std::string text;                                         // Describe of the labels
  std::vector<std::pair<std::string, std::string>> labels;  // only where something is asked
  std::size_t first_sample = 0, samples = 0;                // of the list's
  std::vector<std::pair<std::size_t, Timestamp>> told;      // by number of the sample
};

// What is asked, and what hangs on it.
struct Ask {
  std::size_t deferred = 0;
  std::size_t sample = 0;  // among those of the series
  Timestamp at;
  int rank = 0;  // lower first
  std::int64_t stake = 0;
};

class DeferredList {
 public:
  // More than this of one answer are judged without proof.
  static constexpr std::size_t kMostAsks = 2'000;
  static constexpr std::size_t kMostAsksOfOne = 4;

  void Clear();
  Deferred& Add(const Observation& observation, std::uint32_t raw, std::span<const Sample> samples);
  // Of the series added last.
  void AskAbout(const Observation& observation, const Ask& ask);
  bool MayAsk() const { return asks_.size() < kMostAsks; }

  std::vector<Question> Questions(std::size_t most) const;
  void Tell(std::size_t question, Timestamp start);

  // In the order in which their first samples were taken, whatever that of the answer is.
  std::vector<const Deferred*> InOrder() const;
  std::span<const Sample> SamplesOf(const Deferred& deferred) const {
    return std::span(samples_).subspan(deferred.first_sample, deferred.samples);
  }

 private:
  std::vector<Deferred> list_;
  std::vector<Sample> samples_;
  std::vector<Ask> asks_;
};

}  // namespace purser::usage
