#include "controllers/control.h"

#include <set>
#include <utility>
#include <vector>

#include "controllers/agent_budget/agent_budget_controller.h"
#include "controllers/agent_budget/budget_reporter.h"
#include "controllers/agent_budget_override/agent_budget_override_controller.h"
#include "controllers/agent_pool/agent_pool_controller.h"
#include "controllers/agent_pool/pool_reporter.h"
#include "controllers/spend_correction/spend_correction_controller.h"

namespace purser::controllers {
namespace {

std::set<std::string> NamesOf(const std::map<std::string, Duration>& sources) {
  std::set<std::string> names;
  for (const auto& [name, silence] : sources) names.insert(name);
  return names;
}

}  // namespace

struct Control::Parts {
  explicit Parts(const Dependencies& on)
      : meters({on.caches, on.ledger, on.events, on.clock, on.silences, At(on.queues.budgets),
                At(on.queues.pools)}),
        runaways(on.clock, At(on.queues.pools)),
        budget_reporter({on.caches, on.client, on.events, on.ledger, on.board, on.clock,
                         on.queues.budget_reports, on.queues.budgets, on.ledger_id,
                         on.still_spending}),
        pool_reporter(on.caches, on.client, on.events, on.queues.pool_reports, on.queues.pools),
        budgets({on.caches, on.events, on.ledger, on.board, budget_reporter, on.clock,
                 on.queues.budgets, At(on.queues.pools), on.threshold_near, NamesOf(on.silences),
                 meters, on.ledger_id, on.on_level_change, on.seen_after}),
        pools({on.caches, on.client, on.events, on.board, pool_reporter, on.clock, on.queues.pools,
               At(on.queues.budgets), on.ledger, on.still_spending, meters, runaways, on.on_limits,
               on.on_pool_gone, on.webhooks}),
        corrections({on.caches, on.client, on.events, on.ledger, on.clock, NamesOf(on.silences)}),
        overrides(
            {on.caches, on.client, on.events, on.clock, on.queues.overrides, on.queues.budgets}) {}

  // What puts a key into a queue, before those that wait for less.
  static std::function<void(const kube::ObjectKey&)> At(KeyQueue& queue) {
    return [&queue](const kube::ObjectKey& key) { queue.Add(key, kube::Priority::kHigh); };
  }

  MeterWatch meters;
  RunawayBoard runaways;
  BudgetReporter budget_reporter;
  PoolReporter pool_reporter;
  AgentBudgetController budgets;
  AgentPoolController pools;
  SpendCorrectionController corrections;
  AgentBudgetOverrideController overrides;
};

Control::Control(Dependencies dependencies)
    : on_(std::move(dependencies)), parts_(std::make_unique<Parts>(on_)) {
  on_.ledger.OnChange([parts = parts_.get()](const std::vector<std::string>& ids) {
    parts->budgets.SpendChanged(parts->pools.SpendChanged(ids));
  });
  if (on_.webhooks != nullptr) {
    on_.webhooks->SetOnOutcome(
        [&queue = on_.queues.pools](const kube::ObjectKey& pool) { queue.Add(pool); });
  }
  on_.ledger.OnHealth([this](const std::string& source) {
    on_.caches.budgets.ForEach([&](const auto& budget) {
      if (budget->spec.source == source)
        on_.queues.budgets.Add(budget->meta.key(), kube::Priority::kHigh);
    });
  });
}

Control::~Control() {
  on_.ledger.OnChange({});
  on_.ledger.OnHealth({});
  if (on_.webhooks != nullptr) on_.webhooks->SetOnOutcome({});
  on_.changes.SetEvaluate({});
  std::vector<kube::ObjectKey> keys;
  on_.caches.budgets.ForEach([&](const auto& budget) { keys.push_back(budget->meta.key()); });
  for (const auto& key : keys) on_.board.Remove(key);
}

void Control::Begin() {
  std::vector<ledger::PoolMembers> members;
  for (const auto& pool : on_.caches.AllPools()) members.push_back(MembersOf(*pool));
  // What fails here is tried again by every budget.
  (void)on_.ledger.SetMembers(members, ledger::Told::kAll).ok();
  // In a first term the watches have done that.
  on_.caches.budgets.ForEach(
      [this](const auto& budget) { on_.queues.budgets.Add(budget->meta.key()); });
  on_.caches.pools.ForEach([this](const auto& pool) { on_.queues.pools.Add(pool->meta.key()); });
  on_.caches.corrections.ForEach(
      [this](const auto& correction) { on_.queues.corrections.Add(correction->meta.key()); });
  on_.caches.overrides.ForEach(
      [this](const auto& one) { on_.queues.overrides.Add(one->meta.key()); });
  on_.changes.SetEvaluate([parts = parts_.get()](const auto& before, const auto& after) {
    return parts->budgets.EvaluateEdited(before, after);
  });
  LookAtMeters();
}

void Control::LookAtMeters() {
  parts_->meters.Look();
  parts_->runaways.Look();
}
RunawayBoard& Control::runaways() { return parts_->runaways; }
const MeterWatch& Control::meters() const { return parts_->meters; }

Status Control::ReconcileBudget(const kube::ObjectKey& key) {
  return parts_->budgets.Reconcile(key);
}
Status Control::ReconcilePool(const kube::ObjectKey& key) { return parts_->pools.Reconcile(key); }
Status Control::ReportBudget(const kube::ObjectKey& key) {
  return parts_->budget_reporter.Report(key);
}
Status Control::ReportPool(const kube::ObjectKey& key) { return parts_->pool_reporter.Report(key); }
Status Control::ReconcileOverride(const kube::ObjectKey& key) {
  return parts_->overrides.Reconcile(key);
}
Status Control::ReconcileCorrection(const kube::ObjectKey& key) {
  return parts_->corrections.Reconcile(key);
}

}  // namespace purser::controllers
