// Whether a series that shows itself for the first time goes on where another one ended: a
// collector's rollout, a relabelling rule.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "usage/meter/counter_rules.h"
#include "usage/meter/identities.h"

namespace purser::usage {

class HandOver {
 public:
  HandOver(const MeterRules& rules, const CounterRules& counter, const Identities& identities)
      : rules_(rules), counter_(counter), identities_(identities) {}

  // A first value, and the last sample known of its series.
  struct First {
    Subject subject;
    Sample sample;
    Timestamp latest;
    bool plausible = false;  // as spend of its own
    std::optional<Timestamp> start = std::nullopt;
  };
  struct Found {
    Number from = kNobody;
    // One that fits has not been silent long enough: to be judged when more was read.
    bool undecided = false;
  };
  Found Find(const First& first, Timestamp now);
  // Of a small total, which may well be earned by itself: the same client's under another pod. One
  // alone proves nothing; several at once are a rollout.
  Found FindClient(const First& first, std::uint32_t client);

  // An identity has changed since the answer began.
  void Update(std::uint32_t key, Number number);
  void Clear() { by_key_.clear(); }

 private:
  using ByValue = std::vector<std::pair<std::int64_t, Number>>;
  bool Eligible(Number number, Quantity quantity) const;
  static bool Still(const Identity& identity, Timestamp at);
  ByValue& Candidates(std::uint32_t key);

  const MeterRules& rules_;
  const CounterRules& counter_;
  const Identities& identities_;
  // Of the keys that were asked for in this answer, sorted.
  std::unordered_map<std::uint32_t, ByValue> by_key_;
};

}  // namespace purser::usage
