// Rules about the speed of spending.
#pragma once

#include <string>
#include <vector>

#include "api/agent_budget.h"
#include "base/clock.h"
#include "money/quantity.h"
#include "policy/latch.h"

namespace purser::policy {

// What was spent within a rule's two times, up to now.
struct BurnSpend {
  Quantity within;
  Quantity confirm;
};

struct Burning {
  std::string rule;
  api::Action action = api::Action::kNotify;
  Quantity within;           // spent within the rule's time
  Duration time{};           // that time
  std::int32_t percent = 0;  // of the limit, rounded down
  bool operator==(const Burning&) const = default;
};

// Whether the rule may burn at all, by the shorter time alone: else nobody need know the longer.
bool MayBurn(const api::BurnRate& rule, Quantity limit, Quantity confirm);

// Those of `rules` that burn; `spends` are parallel to them. A rule burns when so much of the limit
// and at least its floor was spent within its time, and within the shorter time as much in
// proportion. It goes on until either is below nine tenths for five minutes (`latches`).
std::vector<Burning> BurningRules(const std::vector<api::BurnRate>& rules,
                                  const std::vector<BurnSpend>& spends, Quantity limit, Unit unit,
                                  Timestamp now, Latches& latches);

}  // namespace purser::policy
