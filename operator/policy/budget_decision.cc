#include "policy/budget_decision.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/time_text.h"
#include "policy/poll_interval.h"

namespace purser::policy {
namespace {

using Wide = BudgetDecision::Wide;

constexpr Wide kMost = std::numeric_limits<std::int64_t>::max();

Money Saturated(Wide nanos) {
  return Money::FromNanos(static_cast<std::int64_t>(std::clamp<Wide>(nanos, 0, kMost)));
}

Level LevelOf(api::Action action) {
  switch (action) {
    case api::Action::kNotify:
      return Level::kWarning;
    case api::Action::kThrottle:
      return Level::kThrottled;
    case api::Action::kRefuseNewWork:
      return Level::kRefusingWork;
    case api::Action::kStop:
      return Level::kStopped;
  }
  return Level::kStopped;
}

// Without thresholds a budget would limit nothing: those of an unwritten spec apply.
const std::vector<api::Threshold>& ThresholdsOf(const api::AgentBudgetSpec& spec) {
  return spec.thresholds.empty() ? api::DefaultThresholds() : spec.thresholds;
}

void ApplyThresholds(const BudgetInput& input, BudgetDecision& decision) {
  for (const auto& threshold : ThresholdsOf(input.spec)) {
    if (!ReachesPercent(input.spent, input.limit, threshold.percent)) continue;
    const Level level = LevelOf(threshold.action);
    const bool first = !decision.crossed_percent;
    if (level > decision.level ||
        (level == decision.level && (first || threshold.percent > *decision.crossed_percent))) {
      decision.level = level;
      decision.crossed_percent = threshold.percent;
    }
  }
}

// L / Lmax = (1 - u) / (1 - soft), both sides multiplied by 100 * limit.
void ApplyCurve(const BudgetInput& input, BudgetDecision& decision) {
  if (decision.level != Level::kThrottled) return;
  if (input.sight.level == Level::kThrottled) {
    decision.curve_numerator = 0;  // how much is left is not known
    return;
  }
  std::int32_t soft = std::numeric_limits<std::int32_t>::max();
  for (const auto& threshold : ThresholdsOf(input.spec)) {
    if (threshold.action == api::Action::kThrottle) soft = std::min(soft, threshold.percent);
  }
  const Wide limit = input.limit.nanos();
  const Wide left = (limit - Wide{input.spent.nanos()}) * 100;
  const Wide span = (100 - Wide{soft}) * limit;
  if (left <= 0 || span <= 0) {
    decision.curve_numerator = 0;  // one call at a time
    return;
  }
  decision.curve_numerator = std::min(left, span);
  decision.curve_denominator = span;
}

// r = max(12 * last 5 min, last hour); algorithms.md, Forecast.
void ApplyForecast(const BudgetInput& input, BudgetDecision& decision) {
  decision.burn_per_hour = input.last_hour;
  const Wide rate =
      std::max<Wide>(Wide{input.last_5_minutes.nanos()} * 12, input.last_hour.nanos());
  const Wide left_ms = std::max<Wide>(0, (input.window.end - input.now).count());
  constexpr Wide kHourMs = 3'600'000;
  decision.projected = Saturated(Wide{input.spent.nanos()} + rate * left_ms / kHourMs);
  if (rate <= 0 || decision.remaining.nanos() == 0) return;
  const Wide to_limit_ms = Wide{decision.remaining.nanos()} * kHourMs / rate;
  if (to_limit_ms < left_ms)
    decision.exhausts_at = input.now + Duration(static_cast<std::int64_t>(to_limit_ms));
}

std::string ShortTime(Timestamp time, const std::string& zone) {
  // "2026-11-23T00:00:00-05:00" without its seconds.
  std::string text = FormatTime(time, zone);
  if (text.size() > 19) text.erase(16, 3);
  return text;
}

// Why nothing is given back, and the way out.
std::string HoldMessage(const BudgetInput& input) {
  const auto& source = input.source;
  std::string message = source.last_read
                            ? "spend is not readable since " + FormatUtc(*source.last_read)
                            : std::string("spend has not been read yet");
  if (!source.reason.empty()) message += " (" + source.reason + ")";
  if (!source.message.empty()) message += ": " + source.message;
  if (input.sight.level > Level::kNormal) {
    message += "; onSourceLoss asks for " + std::string(ToString(input.sight.level)) + " after " +
               std::to_string(input.spec.on_source_loss.after_seconds) + " s of that";
  }
  return "; " + message + "; what is in force is held until source \"" + input.spec.source +
         "\" is read again: see the condition SourceHealthy";
}

// "agent writer: ", "pool research: "; of all together nothing.
std::string SubjectText(const api::AgentBudgetSpec& spec, const std::string& subject) {
  if (subject.empty()) return "";
  return (spec.scope.per == api::Per::kPool ? "pool " : "agent ") + subject + ": ";
}

void Explain(const BudgetInput& input, BudgetDecision& decision) {
  std::string& message = decision.message;
  message = SubjectText(input.spec, input.subject);
  message += "spent " + input.spent.ToDollars() + " of " + input.limit.ToDollars() + " (" +
             std::to_string(decision.percent_used) + " %) since " +
             ShortTime(input.window.start, input.spec.window.time_zone);
  if (decision.audit && decision.level > Level::kWarning) {
    message +=
        "; mode Audit: would be " + std::string(ToString(decision.level)) + ", nothing is touched";
  }
  std::string outlook = "; resets at " + FormatUtc(input.window.end);
  if (input.source.kind != SourceState::Kind::kHealthy) outlook += HoldMessage(input);
  decision.outlook_size = outlook.size();
  message += outlook;
}

}  // namespace

Money LimitOf(const api::AgentBudgetSpec& spec, const std::string& subject) {
  for (const auto& own : spec.limits) {
    if (own.agent == subject) return own.limit;
  }
  return spec.limit;
}

Counted Count(const api::AgentBudgetSpec& spec, Money booked, Money in_doubt,
              std::optional<Money> at_least) {
  Counted counted{booked, booked, in_doubt};
  if (spec.on_doubt == api::OnDoubt::kCount) counted.spent += in_doubt;
  counted.spent = std::max(counted.spent, Money());
  if (at_least && *at_least > counted.spent) {
    counted.spent = *at_least;
    counted.witnessed = true;
  }
  return counted;
}

BudgetDecision Decide(const BudgetInput& input) {
  BudgetDecision decision;
  decision.spent = input.spent;
  decision.limit = input.limit;
  decision.remaining = Saturated(Wide{input.limit.nanos()} - input.spent.nanos());
  decision.percent_used = PercentUsed(input.spent, input.limit);
  decision.window = input.window;
  decision.audit = input.spec.mode == api::Mode::kAudit;
  decision.may_relax = input.sight.may_relax;
  ApplyThresholds(input, decision);
  decision.level = std::max(decision.level, input.sight.level);
  ApplyCurve(input, decision);
  ApplyForecast(input, decision);
  decision.next_threshold_in =
      TimeToNextThreshold(input.spent, input.limit, ThresholdsOf(input.spec), input.last_5_minutes);
  Explain(input, decision);
  return decision;
}

std::int32_t ThrottledConcurrency(std::int32_t maximum, const BudgetDecision& decision) {
  if (maximum <= 0) return 0;
  // Numerator and denominator stay below 1e3 * 2^63, the maximum below 2^31: the product fits 128
  // bits.
  const Wide scaled = (Wide{maximum} * decision.curve_numerator + decision.curve_denominator - 1) /
                      decision.curve_denominator;
  return static_cast<std::int32_t>(std::clamp<Wide>(scaled, 1, maximum));
}

}  // namespace purser::policy
