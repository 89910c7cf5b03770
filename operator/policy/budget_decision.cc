#include "policy/budget_decision.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "api/text_form.h"
#include "base/time_text.h"
#include "policy/poll_interval.h"

namespace purser::policy {
namespace {

using Wide = BudgetDecision::Wide;

constexpr Wide kMost = std::numeric_limits<std::int64_t>::max();

Quantity Saturated(Wide count) {
  return Quantity::Of(static_cast<std::int64_t>(std::clamp<Wide>(count, 0, kMost)));
}

// Without thresholds a budget would limit nothing: those of an unwritten spec apply.
const std::vector<api::Threshold>& ThresholdsOf(const api::AgentBudgetSpec& spec) {
  return spec.thresholds.empty() ? api::DefaultThresholds() : spec.thresholds;
}

// Whether the threshold holds: reached, or in a Rolling window reached and not left yet.
bool Holds(const BudgetInput& input, const api::Threshold& threshold, BudgetDecision& decision) {
  const bool reached = ReachesPercent(input.spent, input.limit, threshold.percent);
  if (input.spec.window.type != api::WindowType::kRolling) return reached;
  const bool near = Wide{input.spent.count()} * 1000 >=
                    Wide{threshold.percent} * input.limit.count() * kLeaveTenths;
  const auto key = std::to_string(threshold.percent);
  Latch before;
  if (input.before != nullptr) {
    if (const auto found = input.before->find(key); found != input.before->end())
      before = found->second;
  }
  const auto latch = Step(before, reached, near, input.now);
  if (latch.on) decision.latches[key] = latch;
  return latch.on;
}

void ApplyThresholds(const BudgetInput& input, BudgetDecision& decision) {
  for (const auto& threshold : ThresholdsOf(input.spec)) {
    if (!Holds(input, threshold, decision)) continue;
    const Level level = LevelOf(threshold.action);
    if (level == Level::kDowngraded) ++decision.downgrades;
    const bool first = !decision.crossed_percent;
    if (level > decision.level ||
        (level == decision.level && (first || threshold.percent > *decision.crossed_percent))) {
      decision.level = level;
      decision.crossed_percent = threshold.percent;
    }
  }
}

// Above the limit by more than was allowed meanwhile, or too late: what the thresholds say.
void ApplyGrace(const BudgetInput& input, BudgetDecision& decision) {
  if (!input.grace || decision.level <= Level::kThrottled || input.now >= input.grace->until)
    return;
  if (Wide{input.spent.count()} >= Wide{input.limit.count()} + input.grace->up_to.count()) return;
  decision.level = Level::kThrottled;
  decision.in_grace = true;
  decision.next = input.grace->until;
}

void ApplyBurns(const BudgetInput& input, BudgetDecision& decision) {
  Latches latches;
  if (input.before != nullptr) {
    for (const auto& [key, latch] : *input.before) {
      if (key.starts_with("burn ")) latches[key] = latch;
    }
  }
  decision.burning = BurningRules(input.spec.burn_rates, input.burns, input.limit, input.spec.unit,
                                  input.now, latches);
  decision.latches.merge(latches);
  for (const auto& burning : decision.burning) {
    if (burning.action == api::Action::kDowngrade) ++decision.downgrades;
    if (burning.action != api::Action::kNotify)
      decision.level = std::max(decision.level, LevelOf(burning.action));
  }
}

struct Ratio {
  Wide numerator = 1;
  Wide denominator = 1;
};

// Which is less: a choice, not an amount, so a rounded comparison will do.
bool Less(const Ratio& a, const Ratio& b) {
  return static_cast<long double>(a.numerator) / static_cast<long double>(a.denominator) <
         static_cast<long double>(b.numerator) / static_cast<long double>(b.denominator);
}

// L / Lmax = (1 - u) / (1 - soft), both sides multiplied by 100 * limit.
Ratio ThresholdCurve(const BudgetInput& input) {
  std::int32_t soft = std::numeric_limits<std::int32_t>::max();
  for (const auto& threshold : ThresholdsOf(input.spec)) {
    if (threshold.action == api::Action::kThrottle) soft = std::min(soft, threshold.percent);
  }
  const Wide limit = input.limit.count();
  const Wide left = (limit - Wide{input.spent.count()}) * 100;
  const Wide span = (100 - Wide{soft}) * limit;
  if (left <= 0 || span <= 0) return {0, 1};  // one call at a time
  return {std::min(left, span), span};
}

void ApplyCurve(const BudgetInput& input, BudgetDecision& decision) {
  if (decision.level != Level::kThrottled) return;
  Ratio ratio;
  const bool by_threshold = std::any_of(
      ThresholdsOf(input.spec).begin(), ThresholdsOf(input.spec).end(), [&](const auto& one) {
        return one.action == api::Action::kThrottle &&
               (decision.latches.contains(std::to_string(one.percent)) ||
                ReachesPercent(input.spent, input.limit, one.percent));
      });
  if (decision.in_grace || input.sight.level == Level::kThrottled) {
    ratio = {0, 1};  // nothing is left, or how much is not known
  } else if (by_threshold) {
    ratio = ThresholdCurve(input);
  }
  for (std::size_t i = 0; i < decision.burning.size(); ++i) {
    const auto& burning = decision.burning[i];
    if (burning.action != api::Action::kThrottle || burning.within <= Quantity()) continue;
    const auto rule = std::find_if(input.spec.burn_rates.begin(), input.spec.burn_rates.end(),
                                   [&](const auto& one) { return one.name == burning.rule; });
    // As much slower as brings the speed down to the rule's.
    const Wide allowed = Wide{rule->percent} * input.limit.count();
    const Wide spent = Wide{burning.within.count()} * 100;
    const Ratio slower{std::min(allowed, spent), spent};
    if (Less(slower, ratio)) ratio = slower;
  }
  decision.curve_numerator = ratio.numerator;
  decision.curve_denominator = ratio.denominator;
}

// r = max(12 * last 5 min, last hour); algorithms.md, Forecast.
void ApplyForecast(const BudgetInput& input, BudgetDecision& decision) {
  constexpr Wide kHourMs = 3'600'000;
  constexpr Wide kYearMs = kHourMs * 24 * 365;
  decision.burn_per_hour = input.last_hour;
  const Wide rate =
      std::max<Wide>(Wide{input.last_5_minutes.count()} * 12, input.last_hour.count());
  Wide left_ms = kYearMs;
  switch (input.spec.window.type) {
    case api::WindowType::kCalendar:
      left_ms = std::max<Wide>(0, (input.window.end - input.now).count());
      decision.projected = Saturated(Wide{input.spent.count()} + rate * left_ms / kHourMs);
      break;
    case api::WindowType::kRolling:
      decision.projected = Saturated(rate * input.spec.window.length.count() / kHourMs);
      // What falls out of the window makes room: at this rate the limit is never reached.
      if (*decision.projected <= input.limit) return;
      break;
    case api::WindowType::kLifetime:
      break;
  }
  if (rate <= 0 || decision.remaining.count() == 0) return;
  const Wide to_limit_ms = Wide{decision.remaining.count()} * kHourMs / rate;
  if (to_limit_ms < left_ms)
    decision.exhausts_at = input.now + Duration(static_cast<std::int64_t>(to_limit_ms));
}

// When to decide again though nothing is spent: a latch may be left by time alone.
void ApplyNext(const BudgetInput& input, BudgetDecision& decision) {
  for (const auto& [key, latch] : decision.latches) {
    const auto at =
        latch.below_since ? *latch.below_since + kBelowFor : input.now + std::chrono::minutes(1);
    if (!decision.next || at < *decision.next) decision.next = at;
  }
}

std::string ShortTime(Timestamp time, const std::string& zone) {
  // "2026-11-23T00:00:00-05:00" without its seconds.
  std::string text = FormatTime(time, zone);
  if (text.size() > 19) text.erase(16, 3);
  return text;
}

// Why nothing is restored, and the way out.
std::string HoldMessage(const BudgetInput& input) {
  const auto& source = input.source;
  std::string message = source.last_read
                            ? "spend is not readable since " + FormatUtc(*source.last_read)
                            : std::string("spend has not been read completely yet");
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

std::string WindowText(const BudgetInput& input) {
  const auto& spec = input.spec.window;
  switch (spec.type) {
    case api::WindowType::kRolling:
      return " within " + api::DurationText(spec.length) + " (exact to " +
             api::DurationText(ExactTo(spec)) + ")";
    case api::WindowType::kLifetime:
      return " since " + ShortTime(input.window.start, spec.time_zone) + ", for good";
    case api::WindowType::kCalendar:
      break;
  }
  return " since " + ShortTime(input.window.start, spec.time_zone);
}

void Explain(const BudgetInput& input, BudgetDecision& decision) {
  const auto unit = input.spec.unit;
  std::string& message = decision.message;
  message = SubjectText(input.spec, input.subject);
  message += "spent " + ToText(input.spent, unit) + " of " + ToText(input.limit, unit) + " (" +
             std::to_string(decision.percent_used) + " %)" + WindowText(input);
  if (decision.in_grace) {
    message += "; throttled rather than stopped until " + FormatUtc(input.grace->until) + ", or " +
               ToText(input.grace->up_to, unit) + " beyond the limit, as " + input.grace->request +
               " asks for more";
  }
  for (const auto& burning : decision.burning) {
    message += "; " + ToText(burning.within, unit) + " of it within " +
               api::DurationText(burning.time) + " (" + std::to_string(burning.percent) +
               " % of the limit, rule " + burning.rule + ")";
  }
  if (decision.audit && decision.level > Level::kWarning) {
    message +=
        "; mode Audit: would be " + std::string(ToString(decision.level)) + ", nothing is touched";
  }
  std::string outlook;
  if (decision.resets_at) outlook = "; resets at " + FormatUtc(*decision.resets_at);
  if (input.source.kind != SourceState::Kind::kHealthy) outlook += HoldMessage(input);
  decision.outlook_size = outlook.size();
  message += outlook;
}

}  // namespace

Quantity LimitOf(const api::AgentBudgetSpec& spec, const std::string& subject) {
  for (const auto& own : spec.limits) {
    if (own.agent == subject) return own.limit;
  }
  return spec.limit;
}

Counted Count(const api::AgentBudgetSpec& spec, Quantity booked, Quantity in_doubt,
              std::optional<Quantity> at_least) {
  Counted counted{booked, booked, in_doubt};
  if (spec.on_doubt == api::OnDoubt::kCount) counted.spent += in_doubt;
  counted.spent = std::max(counted.spent, Quantity());
  if (at_least && *at_least > counted.spent) {
    counted.spent = *at_least;
    counted.witnessed = true;
  }
  return counted;
}

BudgetDecision Decide(const BudgetInput& input) {
  BudgetDecision decision;
  decision.unit = input.spec.unit;
  if (input.spec.window.type == api::WindowType::kCalendar) decision.resets_at = input.window.end;
  decision.spent = input.spent;
  decision.limit = input.limit;
  decision.remaining = Saturated(Wide{input.limit.count()} - input.spent.count());
  decision.percent_used = PercentUsed(input.spent, input.limit);
  decision.window = input.window;
  decision.audit = input.spec.mode == api::Mode::kAudit;
  decision.may_relax = input.sight.may_relax;
  ApplyThresholds(input, decision);
  ApplyGrace(input, decision);
  ApplyBurns(input, decision);
  decision.level = std::max(decision.level, input.sight.level);
  ApplyCurve(input, decision);
  ApplyForecast(input, decision);
  ApplyNext(input, decision);
  decision.next_threshold_in =
      TimeToNextThreshold(input.spent, input.limit, ThresholdsOf(input.spec), input.last_5_minutes);
  if (decision.in_grace) {
    decision.next_threshold_in =
        TimeToNextThreshold(input.spent, input.limit + input.grace->up_to,
                            {{100, api::Action::kStop}}, input.last_5_minutes);
  }
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
