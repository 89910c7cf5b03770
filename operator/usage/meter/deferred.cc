#include "usage/meter/deferred.h"

#include <algorithm>
#include <tuple>

namespace purser::usage {

// What a rare answer took is given back: the usual one defers nothing.
void DeferredList::Clear() {
  list_ = std::vector<Deferred>();
  samples_ = std::vector<Sample>();
  asks_ = std::vector<Ask>();
}

Deferred& DeferredList::Add(const Observation& observation, std::uint32_t raw,
                            std::span<const Sample> samples) {
  Deferred& deferred = list_.emplace_back();
  deferred.identity = observation.identity;
  deferred.raw = raw;
  deferred.key = observation.key;
  deferred.quantity = observation.quantity;
  deferred.aggregated = observation.aggregated;
  deferred.client = observation.client;
  deferred.start = observation.start;
  deferred.text = Describe(observation.labels);
  deferred.first_sample = samples_.size();
  deferred.samples = samples.size();
  samples_.insert(samples_.end(), samples.begin(), samples.end());
  return deferred;
}

void DeferredList::AskAbout(const Observation& observation, const Ask& ask) {
  Deferred& deferred = list_.back();
  if (deferred.labels.empty()) {
    deferred.labels.reserve(observation.labels.size());
    for (const auto& label : observation.labels)
      deferred.labels.emplace_back(label.name, label.value);
  }
  asks_.push_back(ask);
  asks_.back().deferred = list_.size() - 1;
}

std::vector<Question> DeferredList::Questions(std::size_t most) const {
  std::vector<std::size_t> order(asks_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return std::tuple(asks_[a].rank, -asks_[a].stake, a) <
           std::tuple(asks_[b].rank, -asks_[b].stake, b);
  });
  order.resize(std::min(order.size(), most));
  std::vector<Question> questions;
  questions.reserve(order.size());
  for (const std::size_t number : order) {
    const Ask& ask = asks_[number];
    questions.push_back({number, ask.at, list_[ask.deferred].labels});
  }
  return questions;
}

void DeferredList::Tell(std::size_t question, Timestamp start) {
  if (question >= asks_.size()) return;
  const Ask& ask = asks_[question];
  list_[ask.deferred].told.emplace_back(ask.sample, start);
}

std::vector<const Deferred*> DeferredList::InOrder() const {
  std::vector<const Deferred*> order;
  order.reserve(list_.size());
  for (const auto& deferred : list_) order.push_back(&deferred);
  std::sort(order.begin(), order.end(), [this](const Deferred* a, const Deferred* b) {
    return std::tuple(SamplesOf(*a).front().at, a->identity, a->raw) <
           std::tuple(SamplesOf(*b).front().at, b->identity, b->raw);
  });
  return order;
}

}  // namespace purser::usage
