// What one budget demands: spec + spent + now -> level, allowed share of concurrency, forecast,
// reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/quantity.h"
#include "policy/burn.h"
#include "policy/latch.h"
#include "policy/level.h"
#include "policy/sight.h"
#include "policy/window.h"

namespace purser::policy {

// What counts as spent, and what that is made of.
struct Counted {
  Quantity spent;
  Quantity booked;    // by the ledger
  Quantity in_doubt;  // held: part of `spent` only where onDoubt is Count
  // `spent` is what the status of a lost ledger said, not what the present one knows.
  bool witnessed = false;
};

// `at_least`: what the budget's status said of this window when a ledger was lost.
Counted Count(const api::AgentBudgetSpec& spec, Quantity booked, Quantity in_doubt,
              std::optional<Quantity> at_least);

// The limit of a subject of the budget, "" being all of its scope: its own among spec.limits, or
// that of all.
Quantity LimitOf(const api::AgentBudgetSpec& spec, const std::string& subject);

// All quantities in the unit of `spec`.
struct BudgetInput {
  const api::AgentBudgetSpec& spec;
  std::string subject;  // that the message is about: "" all, else a pool or an agent, by spec
  Quantity limit;       // in force for it
  Window window;
  Quantity spent;      // inside the window: Counted::spent
  Quantity last_hour;  // spent in the hour before now, whatever the window
  Quantity last_5_minutes;
  const SourceState& source;
  const Sight& sight;
  Timestamp now;
  std::vector<BurnSpend> burns = {};  // parallel to spec.burn_rates
  const Latches* before = nullptr;    // of the last decision about this subject; null: none
  // More was asked for and is not decided: until then, and within so much beyond the limit,
  // thresholds throttle rather than stop.
  struct Grace {
    Quantity up_to;
    Timestamp until;
    std::string request;  // its name
  };
  std::optional<Grace> grace = {};
};

struct BudgetDecision {
  Level level = Level::kNormal;
  std::optional<std::int32_t> crossed_percent;  // of the threshold that gave the level
  std::int32_t percent_used = 0;
  // So many thresholds and rules that downgrade hold: each is one model further in an agent's list.
  std::int32_t downgrades = 0;
  Unit unit = Unit::kUsd;            // of the quantities
  Quantity spent, limit, remaining;  // remaining: never below 0
  Window window;
  std::optional<Timestamp> resets_at;  // of a window that ends
  // The throttle curve as a ratio: a total of Lmax concurrent calls is cut to
  // clamp(ceil(Lmax * curve_numerator / curve_denominator), 1, Lmax); 1/1 when not throttled.
  // Exact integers: numerator = (1 - u) in nano-dollars, denominator = (1 - soft) in nano-dollars *
  // 100 etc.
  __extension__ typedef __int128 Wide;
  Wide curve_numerator = 1;
  Wide curve_denominator = 1;
  // Sight::may_relax. False: what is taken is held, nothing is restored.
  bool may_relax = true;
  bool audit = false;      // computed and reported, nothing touched
  Quantity burn_per_hour;  // the last hour's
  // At the window's end; of a Rolling one what it will hold if this goes on; of a Lifetime nothing.
  std::optional<Quantity> projected;
  std::optional<Timestamp> exhausts_at;  // only when before the window's end, and within a year
  std::vector<Burning> burning;
  bool in_grace = false;          // throttled rather than stopped, as more was asked for
  Latches latches;                // for the next decision
  std::optional<Timestamp> next;  // when to decide again though nothing is spent
  // Until the next threshold is crossed at the rate of the last 5 minutes; for PollInterval.
  std::optional<Duration> next_threshold_in;
  // "spent $41.24 of $50 (82 %) since 2026-11-23T00:00-05:00; resets in 9h12m"
  std::string message;
  // Bytes at the end of `message` that tell what comes next: "; resets in 9h12m", and what is held.
  // What is done about the spending is told before them.
  std::size_t outlook_size = 0;
};

// Pure. Thresholds, in any order, compare exactly (ReachesPercent); the strongest action among
// those crossed wins, also a Stop below 100 %. No thresholds at all means
// api::DefaultThresholds(). A limit of 0 is reached by every threshold, so its strongest action
// holds at once. In a Rolling window thresholds hold by Latch. A burning rule asks for its action,
// but Notify is told by the condition BurnRateHigh alone; one that throttles leaves what would
// bring the speed down to its own. What `sight` asks is added: a loss that throttles leaves one
// call at a time. Forecast: r = max(12 * last 5 min, last hour); exhausts_at = now + remaining / r
// if before the window's end; projected = spent + r * time left (saturating).
BudgetDecision Decide(const BudgetInput& input);

// clamp(ceil(maximum * numerator / denominator), 1, maximum); 0 when maximum is 0.
std::int32_t ThrottledConcurrency(std::int32_t maximum, const BudgetDecision& decision);

}  // namespace purser::policy
