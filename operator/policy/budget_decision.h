// What one budget demands: spec + spent + now -> level, allowed share of concurrency, forecast,
// reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/money.h"
#include "policy/window.h"

namespace purser::policy {

// Strength in numeric order; what a budget asks of the agents it covers.
enum class Level { kNormal = 0, kWarning, kThrottled, kRefusingWork, kStopped };
std::string_view ToString(Level level);  // Normal | Warning | Throttled | RefusingWork | Stopped

// What is known of the budget's source of spend.
struct SourceState {
  enum class Kind { kNeverRead, kHealthy, kLost };
  Kind kind = Kind::kNeverRead;
  std::string reason;                  // CamelCase, e.g. PrometheusUnreachable; empty when healthy
  std::string message;                 // for people
  std::optional<Timestamp> last_read;  // the last complete answer
  bool doubtful = false;  // healthy so far, but the last read failed: nothing is relaxed
};

struct BudgetInput {
  const api::AgentBudgetSpec& spec;
  Window window;
  Money spent;      // inside the window
  Money last_hour;  // spent in the hour before now, whatever the window
  Money last_5_minutes;
  const SourceState& source;
  Timestamp now;
};

struct BudgetDecision {
  Level level = Level::kNormal;
  std::optional<std::int32_t> crossed_percent;  // of the threshold that gave the level
  std::int32_t percent_used = 0;
  Money spent, limit, remaining;  // remaining: never below 0
  Window window;
  // The throttle curve as a ratio: a total of Lmax concurrent calls is cut to
  // clamp(ceil(Lmax * curve_numerator / curve_denominator), 1, Lmax); 1/1 when not throttled.
  // Exact integers: numerator = (1 - u) in nano-dollars, denominator = (1 - soft) in nano-dollars *
  // 100 etc.
  __extension__ typedef __int128 Wide;
  Wide curve_numerator = 1;
  Wide curve_denominator = 1;
  // False while the source is not healthy: what is taken is held, nothing is given back
  // (onSourceLoss: Hold).
  bool may_relax = true;
  bool audit = false;                    // computed and reported, nothing touched
  Money burn_per_hour;                   // the last hour's
  Money projected;                       // at the window's end
  std::optional<Timestamp> exhausts_at;  // only when before the window's end
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
// holds at once. Forecast: r = max(12 * last 5 min, last hour); exhausts_at = now + remaining / r
// if before the window's end; projected = spent + r * time left (saturating).
BudgetDecision Decide(const BudgetInput& input);

// clamp(ceil(maximum * numerator / denominator), 1, maximum); 0 when maximum is 0.
std::int32_t ThrottledConcurrency(std::int32_t maximum, const BudgetDecision& decision);

}  // namespace purser::policy
