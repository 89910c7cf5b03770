// Whom a budget gives its limit: all of its scope together, each pool of it, or each agent.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/agent_budget.h"
#include "controllers/agent_budget/scope.h"
#include "ledger/store.h"
#include "policy/window.h"

namespace purser::controllers {

struct Subject {
  std::string name;                 // "" per Total; else of a pool or an agent
  std::vector<CoveredPool> pools;   // with only the agents it governs; sorted by key
  bool whole_namespace = false;     // spend of every agent counts, pools or not
  std::vector<std::string> agents;  // whose spend counts otherwise; sorted, unique
  // And of these what they spent while they were in its pools; sorted, no two touch.
  std::vector<ledger::AgentSpan> spans = {};
  bool operator==(const Subject&) const = default;
};
using SubjectPointer = std::shared_ptr<const Subject>;

// Sorted by name; those that are as in `before` are its very pointers. Per Pool and Agent: of the
// agents in pools, and those that the scope names; never empty per Total.
std::vector<SubjectPointer> SubjectsOf(const api::ScopeSpec& scope, const ResolvedScope& resolved,
                                       const std::vector<SubjectPointer>& before);

// All of the scope together.
Subject WholeOf(const ResolvedScope& resolved);

// What of the ledger counts for a subject of a budget in a window.
ledger::Coverage CoverageOf(const api::AgentBudget& budget, const Subject& subject,
                            const policy::Window& window);

// What the ledger calls the total of a subject: "ns/budget", and after another "/" its name.
std::string RowId(const kube::ObjectKey& budget, const std::string& subject);
std::pair<kube::ObjectKey, std::string> ParseRowId(const std::string& id);

}  // namespace purser::controllers
