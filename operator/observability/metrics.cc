#include "observability/metrics.h"

#include <prometheus/text_serializer.h>

#include <mutex>
#include <sstream>
#include <utility>

#include "observability/process_metrics.h"

namespace purser::observability {
namespace {

const prometheus::Histogram::BucketBoundaries kReconcileBuckets{
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5};

using Labels = std::vector<prometheus::ClientMetric::Label>;

prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void AddValue(prometheus::MetricFamily& family, Labels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

}  // namespace

class Metrics::SnapshotCollector final : public prometheus::Collectable {
 public:
  void Set(Snapshots snapshots) {
    const std::lock_guard lock(mutex_);
    snapshots_ = std::move(snapshots);
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    Snapshots snapshots;
    {
      const std::lock_guard lock(mutex_);
      snapshots = snapshots_;
    }
    using prometheus::MetricType;
    std::vector<prometheus::MetricFamily> families;
    if (snapshots.budgets) {
      auto spent =
          Family("purser_budget_spent_usd", "Spent in the budget's window.", MetricType::Gauge);
      auto limit = Family("purser_budget_limit_usd", "The budget's limit.", MetricType::Gauge);
      auto doubt = Family("purser_budget_in_doubt_usd",
                          "Held in doubt in the budget's window; see its condition SpendInDoubt.",
                          MetricType::Gauge);
      auto level =
          Family("purser_budget_state",
                 "0 Normal, 1 Warning or Downgraded, 2 Throttled, 3 RefusingWork, 4 Stopped.",
                 MetricType::Gauge);
      auto counted =
          Family("purser_budget_counted", "Spent in the window of a budget of Tokens or Requests.",
                 MetricType::Gauge);
      auto most =
          Family("purser_budget_counted_limit", "The limit of such a budget.", MetricType::Gauge);
      for (auto& budget : snapshots.budgets()) {
        const Labels labels{{"namespace", budget.ns}, {"budget", budget.name}};
        if (!budget.unit.empty()) {
          auto with_unit = labels;
          with_unit.emplace_back("unit", budget.unit);
          AddValue(counted, with_unit, budget.spent_usd);
          AddValue(most, with_unit, budget.limit_usd);
          AddValue(level, labels, budget.level);
          continue;
        }
        AddValue(spent, labels, budget.spent_usd);
        AddValue(limit, labels, budget.limit_usd);
        AddValue(doubt, labels, budget.in_doubt_usd);
        AddValue(level, labels, budget.level);
      }
      families.insert(families.end(), {std::move(spent), std::move(limit), std::move(doubt),
                                       std::move(counted), std::move(most), std::move(level)});
    }
    if (snapshots.pools) {
      auto now = Family("purser_pool_concurrency", "Concurrency allowed to the pool now.",
                        MetricType::Gauge);
      auto maximum =
          Family("purser_pool_concurrency_max", "The pool's own ceiling.", MetricType::Gauge);
      auto state =
          Family("purser_pool_state",
                 "0 Normal, 1 Ramping, 2 Throttled, 3 RefusingWork, 4 Draining, 5 Stopped, "
                 "6 Stopping (pods still run).",
                 MetricType::Gauge);
      auto after_stop =
          Family("purser_pool_spent_after_stop_usd",
                 "Spent by stopped agents after their stop: above 0 something runs that nobody "
                 "stopped; see the condition StillSpending.",
                 MetricType::Gauge);
      auto runaways = Family("purser_pool_runaway_agents",
                             "Agents that break a rule of spec.runaway; see the condition "
                             "RunawayDetected.",
                             MetricType::Gauge);
      for (auto& pool : snapshots.pools()) {
        const Labels labels{{"namespace", pool.ns}, {"pool", pool.name}};
        AddValue(now, labels, pool.concurrency);
        AddValue(maximum, labels, pool.maximum);
        AddValue(state, labels, pool.state);
        AddValue(after_stop, labels, pool.after_stop_usd);
        for (const auto& [rule, agents] : pool.runaways) {
          AddValue(runaways, {{"namespace", pool.ns}, {"pool", pool.name}, {"rule", rule}}, agents);
        }
      }
      families.insert(families.end(), {std::move(now), std::move(maximum), std::move(state),
                                       std::move(after_stop), std::move(runaways)});
    }
    if (snapshots.sources) {
      auto healthy =
          Family("purser_source_healthy", "1 when the last poll was complete.", MetricType::Gauge);
      auto age = Family("purser_poll_age_seconds",
                        "Since the last complete answer; without one, since reading began.",
                        MetricType::Gauge);
      auto series = Family("purser_source_series", "Series in the last answer.", MetricType::Gauge);
      auto unattributed = Family("purser_source_unattributed_series",
                                 "Of them, without a namespace or an agent: in no agent's budget.",
                                 MetricType::Gauge);
      auto shortened =
          Family("purser_source_shortened_series",
                 "Of them, with a label longer than the ledger keeps.", MetricType::Gauge);
      auto quarantined = Family("purser_source_quarantined_series",
                                "Of them, with no numbers: not booked.", MetricType::Gauge);
      auto stale = Family("purser_source_prices_stale",
                          "1 while prices.file cannot be read: the prices before it are in force.",
                          MetricType::Gauge);
      auto polls = Family("purser_polls_total", "Queries sent.", MetricType::Counter);
      auto errors = Family("purser_poll_errors_total", "Queries that failed or were incomplete.",
                           MetricType::Counter);
      auto seconds =
          Family("purser_poll_last_duration_seconds", "Of the last poll.", MetricType::Gauge);
      for (auto& source : snapshots.sources()) {
        const Labels labels{{"source", source.name}};
        AddValue(healthy, labels, source.healthy ? 1 : 0);
        AddValue(age, labels, source.age_seconds);
        AddValue(series, labels, source.series);
        AddValue(unattributed, labels, source.unattributed_series);
        AddValue(shortened, labels, source.shortened_series);
        AddValue(quarantined, labels, source.quarantined_series);
        AddValue(stale, labels, source.prices_stale ? 1 : 0);
        AddValue(polls, labels, static_cast<double>(source.polls));
        AddValue(errors, labels, static_cast<double>(source.errors));
        AddValue(seconds, labels, source.last_duration_seconds);
      }
      families.insert(families.end(),
                      {std::move(healthy), std::move(age), std::move(series),
                       std::move(unattributed), std::move(shortened), std::move(quarantined),
                       std::move(stale), std::move(polls), std::move(errors), std::move(seconds)});
    }
    if (snapshots.unclaimed) {
      auto spent = Family("purser_unclaimed_spend_usd_total",
                          "Spent by an agent that no AgentPool names: nothing limits it.",
                          MetricType::Counter);
      for (auto& unclaimed : snapshots.unclaimed()) {
        AddValue(
            spent,
            {{"source", unclaimed.source}, {"namespace", unclaimed.ns}, {"agent", unclaimed.agent}},
            unclaimed.usd);
      }
      families.push_back(std::move(spent));
    }
    if (snapshots.queues) {
      auto depth =
          Family("purser_queue_depth", "Keys waiting to be reconciled.", MetricType::Gauge);
      for (auto& queue : snapshots.queues()) {
        AddValue(depth, {{"controller", queue.controller}}, static_cast<double>(queue.depth));
      }
      families.push_back(std::move(depth));
    }
    if (snapshots.leading) {
      auto leading = Family("purser_leader", "1 while this replica leads.", MetricType::Gauge);
      AddValue(leading, {}, snapshots.leading() ? 1 : 0);
      families.push_back(std::move(leading));
    }
    return families;
  }

 private:
  mutable std::mutex mutex_;
  Snapshots snapshots_;
};

Metrics::Metrics(const BuildInfo& build)
    : reconcile_seconds_(prometheus::BuildHistogram()
                             .Name("purser_reconcile_duration_seconds")
                             .Help("How long one reconcile took.")
                             .Register(registry_)),
      reconcile_errors_(prometheus::BuildCounter()
                            .Name("purser_reconcile_errors_total")
                            .Help("Reconciles that failed and are retried.")
                            .Register(registry_)),
      decisions_(prometheus::BuildCounter()
                     .Name("purser_decisions_total")
                     .Help("Changes of a budget's level, by the level entered.")
                     .Register(registry_)),
      api_requests_(prometheus::BuildCounter()
                        .Name("purser_api_requests_total")
                        .Help("Requests to the Kubernetes API server; code 0: no answer.")
                        .Register(registry_)),
      events_dropped_(prometheus::BuildCounter()
                          .Name("purser_events_dropped_total")
                          .Help("Events not posted: the queue was full, or the API server refused.")
                          .Register(registry_)),
      panics_(prometheus::BuildCounter()
                  .Name("purser_panics_total")
                  .Help("Exceptions caught around one object's reconcile or change, by where.")
                  .Register(registry_)),
      snapshots_(std::make_shared<SnapshotCollector>()) {
  // Every known series exists from the start, so that a rate() over it is never missing its first
  // increase.
  for (const char* controller : kControllers) {
    reconcile_seconds_.Add({{"controller", controller}}, kReconcileBuckets);
    reconcile_errors_.Add({{"controller", controller}});
    panics_.Add({{"where", controller}});
  }
  for (const char* level : {"Normal", "Warning", "Throttled", "RefusingWork", "Stopped"}) {
    decisions_.Add({{"level", level}});
  }
  events_dropped_.Add({});
  prometheus::BuildGauge()
      .Name("purser_build_info")
      .Help("1; the labels tell what runs.")
      .Register(registry_)
      .Add({{"version", build.version}, {"commit", build.commit}})
      .Set(1);
}

void Metrics::Reconciled(const std::string& controller, double seconds, bool failed) {
  reconcile_seconds_.Add({{"controller", controller}}, kReconcileBuckets).Observe(seconds);
  if (failed) reconcile_errors_.Add({{"controller", controller}}).Increment();
}

void Metrics::Decided(const std::string& level) { decisions_.Add({{"level", level}}).Increment(); }

void Metrics::ApiRequest(const std::string& verb, int code) {
  api_requests_.Add({{"verb", verb}, {"code", std::to_string(code)}}).Increment();
}

void Metrics::EventDropped() { events_dropped_.Add({}).Increment(); }

void Metrics::Panicked(const std::string& where) { panics_.Add({{"where", where}}).Increment(); }

void Metrics::SetSnapshots(Snapshots snapshots) { snapshots_->Set(std::move(snapshots)); }

std::string Metrics::Text() const {
  auto families = registry_.Collect();
  for (auto& family : snapshots_->Collect()) families.push_back(std::move(family));
  for (auto& family : ProcessMetrics()) families.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace purser::observability
