// What calls came to so far, by agent, task and model: what the next one may cost and take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "money/amounts.h"

namespace purser::gate {

struct ExperienceKey {
  std::string ns, agent, task, model;
  auto operator<=>(const ExperienceKey&) const = default;
};

// Counts by size, each bucket a quarter wider than the one before: a percentile is at most so much
// too high.
class Sizes {
 public:
  void Add(std::int64_t size);
  // The upper end of the bucket that holds it; 0 when there is nothing.
  std::int64_t Percentile(std::int64_t percent) const;
  std::int64_t Count() const;
  void Halve();

 private:
  std::map<std::uint8_t, std::uint32_t> counts_;
};

struct Experience {
  Amounts sum;      // of all calls, cost, failures and latency too
  Sizes costs;      // nano-dollars a call; one that failed and cost nothing tells nothing
  Sizes latencies;  // milliseconds a call, of those that succeeded
  Money MeanCost() const;
};

// Not thread-safe. Bounded: what was not heard of for longest is forgotten.
class Experiences {
 public:
  // Older calls weigh half when so many came.
  static constexpr std::int64_t kHalveAt = 10'000;

  explicit Experiences(std::size_t most = 20'000) : most_(most) {}

  // One call.
  void Add(const ExperienceKey& key, const Amounts& call);
  // The like of it: of the task, else of the agent and model with any task; null: never.
  const Experience* Find(const ExperienceKey& key) const;
  std::size_t size() const { return by_key_.size(); }

 private:
  struct Kept {
    Experience experience;
    std::list<ExperienceKey>::iterator age;
  };
  void AddTo(const ExperienceKey& key, const Amounts& call);

  std::size_t most_;
  std::map<ExperienceKey, Kept> by_key_;
  std::list<ExperienceKey> by_age_;  // the newest first
};

}  // namespace purser::gate
