#include "controllers/agent_pool/pool_status.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/join.h"
#include "controllers/conditions.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

constexpr std::array<std::string_view, 6> kWeakestFirst = {"Normal",       "Ramping",  "Throttled",
                                                           "RefusingWork", "Draining", "Stopped"};

std::string ReasonOf(const AgentReport& agent) {
  if (agent.missing) return agent.workload + " not found";
  if (!agent.note.empty()) return agent.note;
  if (agent.governor && agent.outcome.state != "Normal") return agent.governor->decision.message;
  return "";
}

constexpr const char* kReconciled = "Reconciled";

// Reason and message of the condition Ready: of what is in the way, the gravest.
std::pair<std::string, std::string> ReadinessOf(const PoolReport& report,
                                                const std::vector<std::string>& missing,
                                                const std::vector<std::string>& held,
                                                const std::string& shared_workloads) {
  if (!missing.empty()) {
    return {"WorkloadNotFound", "spec.agents[].workloadRef: not found in namespace " +
                                    report.pool.meta.ns + ": " + Join(missing)};
  }
  if (!held.empty()) return {"WorkloadHeld", "cannot be scaled by this pool: " + Join(held)};
  if (!report.shared.workloads.empty()) return {"WorkloadShared", shared_workloads};
  if (!report.shared.agents.empty()) {
    return {
        "AgentShared",
        "spec.agents[].name is unique in its namespace, for spend is known by it and now counts "
        "for both pools; rename the agent or take it out of the other pool: " +
            Join(report.shared.agents)};
  }
  if (!report.published.ok()) return {"LimitsNotPublished", report.published.error().message()};
  return {kReconciled, "every agent is as its budgets ask"};
}

}  // namespace

std::int32_t PoolStateRank(std::string_view state) {
  const auto* found = std::find(kWeakestFirst.begin(), kWeakestFirst.end(), state);
  return found == kWeakestFirst.end()
             ? 0
             : static_cast<std::int32_t>(std::distance(kWeakestFirst.begin(), found));
}

std::string PoolState(const std::vector<AgentReport>& agents, bool audit_only) {
  std::int32_t strongest = 0;
  for (const auto& agent : agents)
    strongest = std::max(strongest, PoolStateRank(agent.outcome.state));
  if (strongest == 0 && audit_only) return "Audit";
  return std::string(kWeakestFirst[static_cast<std::size_t>(strongest)]);
}

std::string PoolMessage(const PoolReport& report) {
  std::string concurrency;
  if (report.concurrency != report.pool.spec.max_concurrency) {
    concurrency = "concurrency " + std::to_string(report.pool.spec.max_concurrency) + " -> " +
                  std::to_string(report.concurrency);
  }
  if (!report.demand.governor) return concurrency.empty() ? "nothing is short" : concurrency;
  const auto& governor = *report.demand.governor;
  std::string message = "budget " + governor.budget.name + ": " + governor.decision.message;
  if (concurrency.empty()) return message;
  return message.insert(message.size() - governor.decision.outlook_size, "; " + concurrency);
}

api::AgentPoolStatus BuildPoolStatus(const PoolReport& report) {
  api::AgentPoolStatus status;
  const auto& pool = report.pool;
  status.conditions = pool.status.conditions;
  status.observed_generation = pool.meta.generation;
  status.state = report.state;
  status.agent_count = static_cast<std::int32_t>(report.agents.size());
  status.max_concurrency = report.concurrency;
  if (report.demand.governor) status.governed_by = report.demand.governor->budget.name;
  const std::string message = PoolMessage(report);
  status.reason = report.demand.governor ? message : "";

  std::vector<std::string> missing;
  std::vector<std::string> held;
  std::vector<std::string> stopped;
  bool throttled = false;
  for (const auto& agent : report.agents) {
    api::AgentPoolAgentStatus entry;
    entry.name = agent.name;
    entry.state = agent.missing ? "Missing" : agent.outcome.state;
    entry.concurrency = agent.outcome.concurrency;
    entry.replicas = agent.replicas;
    entry.saved_replicas = agent.saved_replicas;
    if (agent.governor) entry.governed_by = agent.governor->budget.name;
    entry.reason = ReasonOf(agent);
    status.agents.push_back(std::move(entry));
    if (agent.missing) missing.push_back(agent.workload);
    if (agent.held) held.push_back(agent.workload + " (" + agent.note + ")");
    if (agent.outcome.level == policy::Level::kStopped) stopped.push_back(agent.name);
    if (agent.outcome.state != "Normal" && agent.outcome.state != "Ramping") throttled = true;
  }

  const auto set = [&](const char* type, bool value, const std::string& reason,
                       const std::string& text) {
    SetCondition(status.conditions, type, value, reason, text, pool.meta.generation, report.now);
  };
  const bool contended = !report.contended.empty();
  const bool shared = !report.shared.workloads.empty();
  const std::string whose =
      "a workload belongs to one pool; take it out of the other: " + Join(report.shared.workloads);
  const auto [ready, why] = ReadinessOf(report, missing, held, whose);
  set("Ready", ready == kReconciled, ready, why);
  set("Governed", report.demand.covered,
      report.demand.covered      ? "Covered"
      : report.demand.audit_only ? "AuditOnly"
                                 : "NoBudget",
      report.demand.covered ? "an AgentBudget covers this pool"
      : report.demand.audit_only
          ? "only budgets in mode Audit cover this pool"
          : "no AgentBudget covers this pool: nothing limits what it spends");
  set("Throttled", throttled, throttled ? report.state : "NotThrottled", message);
  set("Stopped", !stopped.empty(), stopped.empty() ? "NotStopped" : "BudgetExhausted",
      stopped.empty() ? message : message + "; agents: " + Join(stopped));
  set("WorkloadsResolved", missing.empty() && !shared,
      !missing.empty() ? "WorkloadNotFound"
      : shared         ? "WorkloadShared"
                       : "Resolved",
      !missing.empty() ? "not found: " + Join(missing) + "; create it or correct workloadRef"
      : shared         ? whose
                       : "every workload exists and is this pool's alone");
  set("LimitsPublished", report.published.ok(),
      !report.published.ok()            ? "PublishFailed"
      : pool.spec.limit_targets.empty() ? "NoTargets"
                                        : "Published",
      !report.published.ok()            ? report.published.error().message()
      : pool.spec.limit_targets.empty() ? "no limitTargets: nobody is told the concurrency"
                                        : "limits in force are published");
  set("ActuatorContention", contended, contended ? "ReplicasKeepChanging" : "NoContention",
      contended ? "somebody else keeps setting replicas of " + Join(report.contended) +
                      "; pause that autoscaler or GitOps sync, or set spec.scaling.onStop: Keep"
                : "nobody else changes the replicas");
  return status;
}

api::AgentPoolStatus InvalidPoolStatus(const api::AgentPool& pool, Timestamp now) {
  api::AgentPoolStatus status = pool.status;
  status.observed_generation = pool.meta.generation;
  status.state = "NotReady";
  status.reason = *pool.invalid;
  SetCondition(status.conditions, "Ready", false, "InvalidSpec", *pool.invalid,
               pool.meta.generation, now);
  return status;
}

bool WorthWriting(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after) {
  if (before.observed_generation != after.observed_generation || before.state != after.state ||
      before.agent_count != after.agent_count || before.max_concurrency != after.max_concurrency ||
      before.governed_by != after.governed_by || before.agents.size() != after.agents.size() ||
      ConditionsDiffer(before.conditions, after.conditions)) {
    return true;
  }
  return !std::equal(before.agents.begin(), before.agents.end(), after.agents.begin(),
                     [](const auto& a, const auto& b) {
                       return a.name == b.name && a.state == b.state &&
                              a.concurrency == b.concurrency && a.replicas == b.replicas &&
                              a.saved_replicas == b.saved_replicas &&
                              a.governed_by == b.governed_by;
                     });
}

}  // namespace purser::controllers
