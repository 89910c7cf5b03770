#include "gate/route.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace purser::gate {
namespace {

constexpr double kZ = 1.96;
constexpr double kLeastLeft = 0.01;  // of a budget, as a divisor
constexpr double kNever = std::numeric_limits<double>::infinity();

std::string Percent(double share) {
  const auto tenths = std::llround(share * 1000);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " %";
}

// For one success: what failed is paid too.
std::optional<Money> ExpectedCost(const Candidate& candidate, double success) {
  if (candidate.calls == 0) return candidate.list_cost;
  if (success <= 0) return std::nullopt;
  const double nanos = static_cast<double>(candidate.mean_cost.nanos()) / success;
  if (nanos >= 9e18) return std::nullopt;
  return Money::FromNanos(std::llround(nanos));
}

std::string WhyNot(const Candidate& candidate, double success, const RouteWish& wish) {
  if (!candidate.excluded.empty()) return candidate.excluded;
  if (candidate.calls == 0) return "";
  if (success < wish.minimum_success)
    return "shows a success of " + Percent(success) + " at least, " +
           Percent(wish.minimum_success) + " is asked for";
  if (wish.maximum_latency_ms && candidate.p95_latency_ms > *wish.maximum_latency_ms)
    return "takes " + std::to_string(candidate.p95_latency_ms) + " ms (p95), at most " +
           std::to_string(*wish.maximum_latency_ms) + " ms is asked for";
  return "";
}

std::string Figures(const Weighed& one) {
  const auto& candidate = one.candidate;
  const auto cost = one.expected_cost ? one.expected_cost->ToDollars() : "an unknown cost";
  if (candidate.calls == 0) return "never seen; " + cost + " a call by the price list";
  return cost + " for a success, " + std::to_string(candidate.p95_latency_ms) + " ms (p95), " +
         Percent(one.success) + " success at least, of " + std::to_string(candidate.calls) +
         (candidate.calls == 1 ? " call" : " calls");
}

double CostOf(const Weighed& one) {
  return one.expected_cost ? static_cast<double>(one.expected_cost->nanos()) : kNever;
}

// Less is better.
class Scores {
 public:
  Scores(const RouteWish& wish, const std::vector<Weighed>& weighed) : objective_(wish.objective) {
    for (const auto& one : weighed) {
      if (!one.able || one.candidate.calls == 0) continue;
      least_cost_ = std::min(least_cost_, std::max(CostOf(one), 1.0));
      least_latency_ = std::min(least_latency_, Latency(one));
      pressure_ = std::max(pressure_, Pressure(one));
    }
  }

  double Of(const Weighed& one) const {
    if (one.candidate.calls == 0) return CostOf(one);
    switch (objective_) {
      case Objective::kCost:
        return CostOf(one);
      case Objective::kLatency:
        return Latency(one);
      case Objective::kAuto:
        break;
    }
    const double left = std::max(1 - Pressure(one), kLeastLeft);
    return std::pow(std::max(CostOf(one), 1.0) / least_cost_ / left, pressure_) *
           std::pow(Latency(one) / least_latency_, 1 - pressure_);
  }

  double pressure() const { return pressure_; }

 private:
  static double Latency(const Weighed& one) {
    return std::max(static_cast<double>(one.candidate.p95_latency_ms), 1.0);
  }
  static double Pressure(const Weighed& one) {
    return std::clamp(one.candidate.pressure, 0, 100) / 100.0;
  }

  Objective objective_;
  double least_cost_ = kNever;
  double least_latency_ = kNever;
  double pressure_ = 0;
};

std::string Because(const RouteWish& wish, const Weighed& one, double pressure) {
  if (one.candidate.calls == 0)
    return "no able candidate has been seen at work: the least list price";
  switch (wish.objective) {
    case Objective::kCost:
      return "the least cost for a success";
    case Objective::kLatency:
      return "the least latency (p95)";
    case Objective::kAuto:
      break;
  }
  return "the tightest budget is spent to " + Percent(pressure) +
         ": so much cost weighs, latency the rest";
}

}  // namespace

double WilsonLowerBound(std::int64_t successes, std::int64_t calls) {
  if (calls <= 0 || successes <= 0) return 0;
  const auto n = static_cast<double>(calls);
  const double p = std::min(1.0, static_cast<double>(successes) / n);
  const double z2 = kZ * kZ;
  const double centre = p + z2 / (2 * n);
  const double spread = kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return std::max(0.0, (centre - spread) / (1 + z2 / n));
}

Route Choose(const RouteWish& wish, const std::vector<Candidate>& candidates) {
  Route route;
  for (const auto& candidate : candidates) {
    Weighed one;
    one.candidate = candidate;
    one.success = WilsonLowerBound(candidate.calls - candidate.failed_calls, candidate.calls);
    one.expected_cost = ExpectedCost(candidate, one.success);
    one.why = WhyNot(candidate, one.success, wish);
    one.able = one.why.empty();
    if (one.able) one.why = Figures(one);
    route.weighed.push_back(std::move(one));
  }
  const Scores scores(wish, route.weighed);
  // Able, then seen, then the least score; of equals the first that was named.
  for (std::size_t each = 0; each < route.weighed.size(); ++each) {
    const auto& one = route.weighed[each];
    if (!one.able) continue;
    if (!route.chosen) {
      route.chosen = each;
      continue;
    }
    const auto& best = route.weighed[*route.chosen];
    const bool seen = one.candidate.calls > 0;
    const bool best_seen = best.candidate.calls > 0;
    if (seen != best_seen ? seen : scores.Of(one) < scores.Of(best)) route.chosen = each;
  }
  route.reason = route.chosen ? Because(wish, route.weighed[*route.chosen], scores.pressure())
                              : "no candidate is able";
  return route;
}

}  // namespace purser::gate
