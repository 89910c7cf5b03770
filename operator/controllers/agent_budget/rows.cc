#include "controllers/agent_budget/rows.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "policy/burn.h"
#include "policy/measure.h"
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

class BookedInLedger final : public BookedSpend {
 public:
  BookedInLedger(const ledger::Ledger& ledger, std::string id, Timestamp now)
      : ledger_(ledger), id_(std::move(id)), now_(now) {}
  Amounts Recent(Duration span) const override { return ledger_.Recent(id_, now_, span); }
  Result<Amounts> Sum(const ledger::Coverage& coverage) const override {
    return ledger_.Sum(coverage);
  }

 private:
  const ledger::Ledger& ledger_;
  std::string id_;
  Timestamp now_;
};

}  // namespace

Result<std::vector<policy::BurnSpend>> BurnsOf(const api::AgentBudget& budget,
                                               const Subject& subject, const BookedSpend& booked,
                                               Timestamp now) {
  constexpr Duration kInMemory = std::chrono::hours(1);
  const auto& spec = budget.spec;
  const auto limit = policy::LimitOf(spec, subject.name);
  std::vector<policy::BurnSpend> burns;
  burns.reserve(spec.burn_rates.size());
  for (const auto& rule : spec.burn_rates) {
    auto& burn = burns.emplace_back();
    const auto recent = [&](Duration span) { return policy::MeasureOf(booked.Recent(span), spec); };
    burn.confirm = recent(api::ConfirmWithin(rule));
    if (rule.within <= kInMemory) {
      burn.within = recent(rule.within);
    } else if (policy::MayBurn(rule, limit, burn.confirm)) {
      const auto sum = booked.Sum(
          CoverageOf(budget, subject, {now - rule.within, now + std::chrono::minutes(1)}));
      if (!sum) return sum.error();
      burn.within = policy::MeasureOf(*sum, spec);
    }
  }
  return burns;
}

Result<std::vector<policy::BurnSpend>> BurnsOf(const api::AgentBudget& budget,
                                               const Subject& subject, const ledger::Ledger& ledger,
                                               Timestamp now) {
  return BurnsOf(budget, subject,
                 BookedInLedger(ledger, RowId(budget.meta.key(), subject.name), now), now);
}

RowPointer MakeRow(const RowInput& input) {
  const auto& spec = input.budget.spec;
  const auto& total = input.total;
  const auto measure = [&](const Amounts& amounts) { return policy::MeasureOf(amounts, spec); };
  Row row;
  row.budget = input.budget.meta.key();
  row.subject = input.subject;
  row.spent_at_least = input.spent_at_least;
  row.doubts = total.doubts;
  row.both = total.both;
  row.last_5_minutes = total.last_5_minutes;
  row.estimated = total.spent.estimated;
  row.counted =
      policy::Count(spec, measure(total.spent), measure(total.in_doubt), input.spent_at_least);
  row.decision = policy::Decide(
      {spec, input.subject->name, input.limit, input.window, row.counted.spent,
       measure(total.last_hour), measure(total.last_5_minutes), input.source, input.sight,
       input.now, input.burns,
       input.before != nullptr ? &input.before->decision.latches : &input.recalled, input.grace});
  row.overspend_bound = policy::OverspendBound(measure(total.dearest_minute), input.delay);
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
