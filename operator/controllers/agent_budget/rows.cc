#include "controllers/agent_budget/rows.h"

#include <algorithm>
#include <limits>

#include "policy/share.h"

namespace purser::controllers {
namespace {

// What the covered agents of a pool could use at most.
std::int32_t Capacity(const CoveredPool& pool) {
  std::int64_t sum = 0;
  for (const auto maximum : pool.agent_maxima) sum += maximum;
  return static_cast<std::int32_t>(std::min<std::int64_t>(pool.maximum, sum));
}

std::vector<policy::PoolShare> SharesOf(const std::vector<CoveredPool>& pools,
                                        const policy::BudgetDecision& decision) {
  std::vector<policy::PoolDemand> demands;
  demands.reserve(pools.size());
  std::int64_t total = 0;
  for (const auto& pool : pools) {
    demands.push_back({pool.key, pool.priority, Capacity(pool), pool.agent_maxima});
    total += demands.back().maximum;
  }
  const auto maximum = static_cast<std::int32_t>(
      std::min<std::int64_t>(total, std::numeric_limits<std::int32_t>::max()));
  return policy::Share(policy::ThrottledConcurrency(maximum, decision), demands);
}

}  // namespace

RowPointer MakeRow(const RowInput& input) {
  const auto& spec = input.budget.spec;
  const auto& total = input.total;
  Row row;
  row.budget = input.budget.meta.key();
  row.subject = input.subject;
  row.spent_at_least = input.spent_at_least;
  row.doubts = total.doubts;
  row.counted = policy::Count(spec, total.spent.cost, total.in_doubt.cost, input.spent_at_least);
  row.decision =
      policy::Decide({spec, input.subject->name, policy::LimitOf(spec, input.subject->name),
                      input.window, row.counted.spent, total.last_hour.cost,
                      total.last_5_minutes.cost, input.source, input.sight, input.now});
  if (const auto& in = row.decision.next_threshold_in) row.next_threshold = input.now + *in;
  if (row.decision.level == policy::Level::kThrottled)
    row.shares = SharesOf(input.subject->pools, row.decision);
  return std::make_shared<const Row>(std::move(row));
}

RowPointer HeldRow(const kube::ObjectKey& budget, const SubjectPointer& subject, bool may_relax) {
  Row row;
  row.budget = budget;
  row.subject = subject;
  row.decision.may_relax = may_relax;
  return std::make_shared<const Row>(std::move(row));
}

}  // namespace purser::controllers
