#include "policy/burn.h"

#include <algorithm>

namespace purser::policy {
namespace {

__extension__ typedef __int128 Wide;

// spent * 100 * within * 10 >= percent * limit * span * tenths: spent within `span` at the rule's
// rate, or at so many tenths of it.
bool AtRate(const api::BurnRate& rule, Quantity limit, Quantity spent, Duration span, Wide tenths) {
  const auto minutes = [](Duration duration) {
    return Wide{std::chrono::duration_cast<std::chrono::minutes>(duration).count()};
  };
  return Wide{spent.count()} * 1000 * minutes(rule.within) >=
         Wide{rule.percent} * limit.count() * minutes(span) * tenths;
}

bool Burns(const api::BurnRate& rule, const BurnSpend& spend, Quantity limit, Unit unit,
           Wide tenths) {
  const Wide floor = Wide{api::FloorOf(rule, unit).count()} * tenths;
  return Wide{spend.within.count()} * 10 >= floor &&
         AtRate(rule, limit, spend.within, rule.within, tenths) &&
         AtRate(rule, limit, spend.confirm, api::ConfirmWithin(rule), tenths);
}

}  // namespace

bool MayBurn(const api::BurnRate& rule, Quantity limit, Quantity confirm) {
  if (confirm <= Quantity()) return false;
  return AtRate(rule, limit, confirm, api::ConfirmWithin(rule), kLeaveTenths);
}

std::vector<Burning> BurningRules(const std::vector<api::BurnRate>& rules,
                                  const std::vector<BurnSpend>& spends, Quantity limit, Unit unit,
                                  Timestamp now, Latches& latches) {
  std::vector<Burning> burning;
  for (std::size_t i = 0; i < rules.size() && i < spends.size(); ++i) {
    const auto& rule = rules[i];
    const auto& spend = spends[i];
    const std::string key = "burn " + rule.name;
    // Nothing is left of it, after a reversal for example: there is nothing to hold, nor to
    // remember.
    if (spend.within <= Quantity()) {
      latches.erase(key);
      continue;
    }
    const auto before = latches.find(key);
    const Latch latch = Step(before == latches.end() ? Latch() : before->second,
                             Burns(rule, spend, limit, unit, 10),
                             Burns(rule, spend, limit, unit, kLeaveTenths), now);
    if (!latch.on) {
      latches.erase(key);
      continue;
    }
    latches[key] = latch;
    burning.push_back(
        {rule.name, rule.action, spend.within, rule.within, PercentUsed(spend.within, limit)});
  }
  return burning;
}

}  // namespace purser::policy
