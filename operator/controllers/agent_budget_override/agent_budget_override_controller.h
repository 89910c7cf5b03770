// AgentBudgetOverride: tells what became of it. What it changes is the budget's evaluation.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "controllers/caches.h"
#include "controllers/changes.h"
#include "kube/client.h"
#include "kube/events.h"

namespace purser::controllers {

class AgentBudgetOverrideController {
 public:
  struct Dependencies {
    Caches& caches;
    kube::Client& client;
    kube::EventRecorder& events;
    Clock& clock;
    KeyQueue& queue;         // of overrides
    KeyQueue& budget_queue;  // of the budgets whose limit they change
  };
  explicit AgentBudgetOverrideController(Dependencies dependencies) : on_(dependencies) {}

  // Level-based: right from any state. An error is retried by the caller with backoff.
  Status Reconcile(const kube::ObjectKey& key);

 private:
  const Dependencies on_;
};

}  // namespace purser::controllers
