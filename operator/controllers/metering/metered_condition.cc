#include "controllers/metering/metered_condition.h"

#include <algorithm>
#include <cstddef>

#include "base/utf8.h"

namespace purser::controllers {
namespace {

// A condition's message has 4,096 bytes: so many agents are told whole.
constexpr std::size_t kMostTold = 5;
constexpr std::size_t kLongestPart = 700;

}  // namespace

MeteredCondition MeteredOf(const std::vector<MeterIssue>& issues,
                           const std::function<std::string(const std::string& agent)>& more) {
  std::vector<const MeterIssue*> told;
  for (const bool lost : {true, false}) {
    for (const auto& issue : issues) {
      if (issue.lost == lost && issue.reason != kUnpriced) told.push_back(&issue);
    }
  }
  if (told.empty()) return {true, "Metered", "nothing is amiss with the meters of its agents"};
  MeteredCondition condition{!told.front()->lost, told.front()->reason, ""};
  for (std::size_t i = 0; i < std::min(kMostTold, told.size()); ++i) {
    if (i > 0) condition.message += "; ";
    const std::string behind = more ? more(told[i]->agent) : "";
    condition.message += CutUtf8(told[i]->message + behind, kLongestPart);
  }
  if (told.size() > kMostTold)
    condition.message += "; and " + std::to_string(told.size() - kMostTold) + " more";
  return condition;
}

MeteredCondition UnreadOf(ledger::SourceHealth::State state, const std::string& of) {
  const bool never = state == ledger::SourceHealth::State::kNeverRead;
  return {false, never ? "NotReadYet" : "SourceLost", "see the condition SourceHealthy" + of};
}

MeteredCondition MeteredOf(const PoolMetering& pool) {
  if (!pool.state) {
    return {false, "NoBudget",
            "no AgentBudget covers this pool, so no source of spend is asked about its agents"};
  }
  if (*pool.state != ledger::SourceHealth::State::kHealthy)
    return UnreadOf(*pool.state, " of its AgentBudgets");
  return MeteredOf(pool.issues);
}

}  // namespace purser::controllers
