// What the controllers decided, as the gate's limits; and what is booked, as the gate asks for it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "controllers/agent_budget/evaluation.h"
#include "controllers/caches.h"
#include "gate/gate.h"
#include "ledger/ledger.h"

namespace purser::admissions {

// Not thread-safe: under the lock of the gate it feeds.
class LimitsFeed final : public gate::Books {
 public:
  LimitsFeed(controllers::Caches& caches, controllers::EvaluationBoard& board,
             ledger::Ledger& ledger, Clock& clock);

  // The limits of a namespace as they are now; cheap when nothing changed.
  void Sync(const std::string& ns, gate::Gate& gate);

  std::optional<Quantity> Booked(const std::string& row) const override;

  // Of a namespace, as of the last Sync.
  const std::vector<gate::Agent>& Agents(const std::string& ns) const;
  // Percent of the tightest budget over an agent that is spent.
  std::int32_t Pressure(const std::string& ns, const std::string& agent,
                        const gate::Gate& gate) const;
  // The sources of the budgets of a namespace.
  std::set<std::string> Sources(const std::string& ns) const;

 private:
  struct KnownRow {
    controllers::BudgetPointer budget;
    std::optional<Quantity> spent_at_least;
    gate::Row row;
  };
  struct Seen {
    std::vector<std::shared_ptr<const void>> from;  // what the last Sync was made of
    std::vector<gate::Agent> agents;
    std::vector<std::string> pools;
    std::set<std::string> rows;
  };

  controllers::Caches& caches_;
  controllers::EvaluationBoard& board_;
  ledger::Ledger& ledger_;
  Clock& clock_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, KnownRow> rows_;
};

}  // namespace purser::admissions
