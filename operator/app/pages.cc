#include "app/pages.h"

#include <algorithm>
#include <map>

#include "api/codec.h"
#include "controllers/agent_pool/pool_status.h"

namespace purser::app {

double Dollars(Money amount) {
  return static_cast<double>(amount.nanos()) / static_cast<double>(Money::kNanosPerDollar);
}

namespace {

// As the metric's help says; numbers that were given stay.
std::int32_t RankOf(policy::Level level) {
  switch (level) {
    case policy::Level::kNormal:
      return 0;
    case policy::Level::kWarning:
    case policy::Level::kDowngraded:
      return 1;
    case policy::Level::kThrottled:
      return 2;
    case policy::Level::kRefusingWork:
      return 3;
    case policy::Level::kStopped:
      return 4;
  }
  return 4;
}

std::vector<observability::BudgetSample> BudgetSamples(const Told& told) {
  std::vector<observability::BudgetSample> samples;
  told.caches.budgets.ForEach([&](const auto& budget) {
    const auto evaluation = told.board.Get(budget->meta.key());
    if (!evaluation || !evaluation->window_spec) return;  // not known yet is not 0
    const auto worst = evaluation->Worst();
    if (!worst) return;
    const auto& decision = worst->decision;
    const auto shown = [&](Quantity quantity) {
      return decision.unit == Unit::kUsd ? Dollars(Money::FromNanos(quantity.count()))
                                         : static_cast<double>(quantity.count());
    };
    samples.push_back(
        {budget->meta.ns, budget->meta.name, shown(decision.spent), shown(decision.limit),
         shown(DoubtOf(*evaluation).amount), RankOf(decision.level),
         decision.unit == Unit::kUsd ? "" : std::string(api::ToString(decision.unit))});
  });
  return samples;
}

std::vector<observability::PoolSample> PoolSamples(const Told& told) {
  std::vector<observability::PoolSample> samples;
  told.caches.pools.ForEach([&](const auto& pool) {
    if (pool->status.state.empty()) return;
    double after_stop = 0;
    const auto spent = told.still_spending.Of(pool->meta.key());
    for (const auto& one : spent.value_or(std::vector<controllers::SpentAfterStop>{}))
      after_stop += Dollars(one.spent.cost);
    std::map<std::string, std::int32_t> runaways;
    for (const auto& rule : pool->status.runaway)
      runaways[rule.rule] = std::max(1, static_cast<std::int32_t>(rule.agents.size()));
    samples.push_back({pool->meta.ns, pool->meta.name, pool->status.max_concurrency,
                       pool->spec.max_concurrency, controllers::PoolStateRank(pool->status.state),
                       after_stop, std::move(runaways)});
  });
  return samples;
}

std::vector<observability::QueueSample> QueueSamples(const Told& told) {
  std::vector<observability::QueueSample> samples;
  for (const auto& [controller, queue] : told.queues)
    samples.push_back({controller, queue->Length()});
  return samples;
}

}  // namespace

observability::Snapshots SnapshotsOf(const Told& told) {
  observability::Snapshots snapshots;
  snapshots.budgets = [told] { return BudgetSamples(told); };
  snapshots.pools = [told] { return PoolSamples(told); };
  snapshots.sources = told.sources;
  snapshots.unclaimed = told.unclaimed;
  snapshots.queues = [told] { return QueueSamples(told); };
  snapshots.leading = told.leading;
  return snapshots;
}

net::ServerResponse Serve(const Told& told, const observability::Metrics& metrics,
                          const net::ServerRequest& request) {
  constexpr const char* kText = "text/plain; charset=utf-8";
  if (request.path == "/healthz") {
    const auto stuck = told.stuck ? told.stuck() : std::nullopt;
    return stuck ? net::ServerResponse{503, kText, "not healthy: " + *stuck + "\n"}
                 : net::ServerResponse{200, kText, "ok\n"};
  }
  if (request.path == "/readyz") {
    if (const auto refusal = told.refusal ? told.refusal() : std::nullopt)
      return {503, kText, "not ready: " + *refusal + "\n"};
    if (told.leading()) return {200, kText, "ok: leading\n"};
    if (told.elects && told.caches.Synced()) return {200, kText, "ok: standing by\n"};
    return {503, kText, "not ready: caches are being filled\n"};
  }
  if (request.path == "/metrics")
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics.Text()};
  return {404, kText, "see /healthz, /readyz and /metrics\n"};
}

}  // namespace purser::app
