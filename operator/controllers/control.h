// The controllers of one term of leading, wired to each other: what changes in the caches and in
// the ledger comes into the queues, and each key that comes out of them has its way.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/agent_budget/still_spending.h"
#include "controllers/agent_pool/limits_document.h"
#include "controllers/agent_pool/runaway_board.h"
#include "controllers/agent_pool/webhook_outbox.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "controllers/metering/meter_watch.h"
#include "kube/client.h"
#include "kube/events.h"
#include "ledger/ledger.h"

namespace purser::controllers {

// Makes no thread. Thread-safe, and never called for one key of a queue by two threads; a failed
// reconcile is retried by the caller. What its dependencies refer to must outlive it.
class Control {
 public:
  struct Dependencies {
    Caches& caches;
    Queues& queues;
    Changes& changes;
    EvaluationBoard& board;
    StillSpendingBoard& still_spending;
    kube::Client& client;
    kube::EventRecorder& events;
    ledger::Ledger& ledger;
    std::string ledger_id;  // of Store::LedgerId
    Clock& clock;
    std::map<std::string, Duration> silences;  // SilenceOf of each configured source, by name
    // See AgentBudgetController.
    std::function<void(const std::string& source, Duration in)> threshold_near;
    std::function<void(policy::Level)> on_level_change;
    std::map<std::string, Duration> seen_after = {};  // scrape and poll, by source
    // See AgentPoolController.
    std::function<void(const Limits&)> on_limits = {};
    std::function<void(const kube::ObjectKey&)> on_pool_gone = {};
    WebhookOutbox* webhooks = nullptr;
  };
  // Hears of what is booked, and of the sources' health, from now on.
  explicit Control(Dependencies dependencies);
  // What was decided is forgotten: the next leader may be another.
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Once, when the caches are synced: everything is to be decided (anew), and edits of budgets are
  // evaluated as they come.
  void Begin();

  // Now and then, by one thread: see MeterWatch::Look, RunawayBoard::Look.
  void LookAtMeters();
  const MeterWatch& meters() const;
  // To be told of calls as they arrive.
  RunawayBoard& runaways();

  // For the keys of the queues.
  Status ReconcileBudget(const kube::ObjectKey& key);
  Status ReconcilePool(const kube::ObjectKey& key);
  Status ReportBudget(const kube::ObjectKey& key);
  Status ReportPool(const kube::ObjectKey& key);
  Status ReconcileCorrection(const kube::ObjectKey& key);
  Status ReconcileOverride(const kube::ObjectKey& key);

 private:
  struct Parts;

  const Dependencies on_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace purser::controllers
