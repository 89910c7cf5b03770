#include "gate/experience.h"

#include <algorithm>
#include <array>

namespace purser::gate {
namespace {

constexpr std::size_t kBuckets = 200;

// 0, 1, 2 … and from 4 on each a quarter wider than the one before.
const std::array<std::int64_t, kBuckets>& Ends() {
  static const auto ends = [] {
    std::array<std::int64_t, kBuckets> made{};
    std::int64_t end = 0;
    for (auto& each : made) {
      each = end;
      end += std::max<std::int64_t>(1, end / 4);
      if (end > INT64_MAX / 2) end = INT64_MAX / 2;
    }
    return made;
  }();
  return ends;
}

// Of a task that nobody named, and of any.
constexpr const char* kAnyTask = "\n";

}  // namespace

void Sizes::Add(std::int64_t size) {
  const auto& ends = Ends();
  const auto found = std::lower_bound(ends.begin(), std::prev(ends.end()), size);
  ++counts_[static_cast<std::uint8_t>(found - ends.begin())];
}

std::int64_t Sizes::Count() const {
  std::int64_t all = 0;
  for (const auto& [bucket, count] : counts_) all += count;
  return all;
}

std::int64_t Sizes::Percentile(std::int64_t percent) const {
  const auto wanted = (Count() * percent + 99) / 100;
  std::int64_t seen = 0;
  for (const auto& [bucket, count] : counts_) {
    if ((seen += count) >= wanted) return Ends()[bucket];
  }
  return 0;
}

void Sizes::Halve() {
  for (auto& [bucket, count] : counts_) count = (count + 1) / 2;
}

Money Experience::MeanCost() const {
  return sum.calls <= 0 ? Money() : Money::FromNanos(sum.cost.nanos() / sum.calls);
}

void Experiences::Add(const ExperienceKey& key, const Amounts& call) {
  if (call.calls <= 0 || most_ < 2) return;
  AddTo(key, call);
  auto any = key;
  any.task = kAnyTask;
  AddTo(any, call);
}

void Experiences::AddTo(const ExperienceKey& key, const Amounts& call) {
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    while (by_key_.size() >= most_) {
      by_key_.erase(by_age_.back());
      by_age_.pop_back();
    }
    by_age_.push_front(key);
    found = by_key_.emplace(key, Kept{{}, by_age_.begin()}).first;
  } else {
    by_age_.splice(by_age_.begin(), by_age_, found->second.age);
  }
  auto& experience = found->second.experience;
  experience.sum += NotBelowZero(call);
  if (call.cost > Money() || call.failed_calls == 0)
    experience.costs.Add(std::max<std::int64_t>(0, call.cost.nanos() / call.calls));
  if (call.failed_calls == 0) experience.latencies.Add(std::max<std::int64_t>(0, call.latency_ms));
  if (experience.sum.calls < kHalveAt) return;
  experience.sum = ShareOf(experience.sum, 1, 2);
  experience.costs.Halve();
  experience.latencies.Halve();
}

const Experience* Experiences::Find(const ExperienceKey& key) const {
  if (const auto found = by_key_.find(key); found != by_key_.end())
    return &found->second.experience;
  auto any = key;
  any.task = kAnyTask;
  const auto found = by_key_.find(any);
  return found == by_key_.end() ? nullptr : &found->second.experience;
}

}  // namespace purser::gate
