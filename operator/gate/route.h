// Which agent, and which model of it, should do a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "money/money.h"

namespace purser::gate {

enum class Objective { kCost, kLatency, kAuto };

// One that could do it, and what is known of it.
struct Candidate {
  std::string agent;
  std::string model;
  std::string excluded;           // why it cannot do it at all; empty: it can
  std::int64_t calls = 0;         // of the like, seen so far
  std::int64_t failed_calls = 0;  // of `calls`
  Money mean_cost;                // a call, of those seen
  std::int64_t p95_latency_ms = 0;
  std::optional<Money> list_cost;  // a call, by the price list; nothing: no price is known
  std::int32_t pressure = 0;       // percent spent of the tightest budget over it
};

struct RouteWish {
  Objective objective = Objective::kCost;
  double minimum_success = 0;  // 0 to 1, of the lower bound of what was seen
  std::optional<std::int64_t> maximum_latency_ms = {};  // of the 95th percentile
};

struct Weighed {
  Candidate candidate;
  bool able = false;
  double success = 0;                       // WilsonLowerBound
  std::optional<Money> expected_cost = {};  // for one success; nothing: unknown
  std::string why;                          // for people
};

struct Route {
  std::optional<std::size_t> chosen;  // of `weighed`; nothing: nobody can
  std::string reason;                 // for people
  std::vector<Weighed> weighed;       // parallel to the candidates
};

// The success rate that `successes` of `calls` show at least, with 95 % confidence (z = 1.96; E. B.
// Wilson, 1927): one lucky call shows 0.21. 0 without calls.
double WilsonLowerBound(std::int64_t successes, std::int64_t calls);

// Pure and deterministic. One that was never seen comes after all that were and are able: by its
// list price, where nothing else is known. Cost: the least expected cost for one success. Latency:
// the least p95. Auto: cost weighs as much as the tightest budget is spent, latency the rest; one
// whose own budget is nearly spent is dearer by what little is left.
Route Choose(const RouteWish& wish, const std::vector<Candidate>& candidates);

}  // namespace purser::gate
