#include "controllers/agent_pool/pool_status.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/join.h"
#include "base/time_text.h"
#include "controllers/agent_pool/contention.h"
#include "controllers/agent_pool/saved_status.h"
#include "controllers/conditions.h"
#include "controllers/metering/metered_condition.h"
#include "policy/window.h"

namespace purser::controllers {
namespace {

// Stopping after Stopped: a pool of which one agent runs on is not stopped.
constexpr std::array<std::string_view, 7> kWeakestFirst = {
    "Normal", "Ramping", "Throttled", "RefusingWork", "Draining", "Stopped", "Stopping"};

std::string ReasonOf(const AgentReport& agent) {
  if (agent.pending) return agent.workload + ": its kind is being listed";
  if (!agent.problem.message.empty()) return agent.problem.message;
  if (agent.missing) return agent.workload + " not found";
  if (!agent.refused.empty()) return agent.refused;
  if (!agent.note.empty()) return agent.note;
  if (!agent.runaway.empty()) return "runaway: " + agent.runaway;
  if (agent.governor && agent.outcome.state != "Normal") return agent.governor->decision.message;
  return "";
}

constexpr const char* kWayToRestore =
    "waits to be restored: annotate the AgentPool purser.dev/restore=now, or "
    "set "
    "spec.scaling.restore: Automatic";

std::string StoppedBy(const PoolReport& report) {
  const std::string who = report.stopped_by.empty() ? "" : ", by " + report.stopped_by;
  return "stopped by spec.stop" + who + ": " + report.pool.spec.stop.reason +
         "; remove spec.stop to restore it";
}

// What the strongest ask of the pool comes from, where that is no budget; "": it is none.
std::string RunawayText(const PoolReport& report) {
  for (const auto& agent : report.demand.agents) {
    if (!agent.runaway.empty() && agent.level == report.demand.level)
      return "runaway: " +
             RunawayConditionOf(report.runaways, report.pool.spec.runaway->action).second;
  }
  return "";
}

// Why limits are not published; empty: they are.
std::string UnpublishedOf(const PoolReport& report) {
  std::vector<std::string> problems;
  for (const auto& target : report.targets.targets) {
    if (!target.problem.empty()) problems.push_back(target.problem);
  }
  return Join(problems);
}

// The kinds of workloads that cannot be seen, each once, and why.
KindProblem UnseenKinds(const PoolReport& report) {
  KindProblem all;
  std::set<std::string> messages;
  const auto add = [&](const KindProblem& problem) {
    if (problem.message.empty()) return;
    if (all.reason.empty()) all.reason = problem.reason;
    messages.insert(problem.message);
  };
  for (const auto& agent : report.agents) add(agent.problem);
  for (const auto& problem : report.unseen_kinds) add(problem);
  all.message = Join(messages, "; ");
  return all;
}

constexpr const char* kReconciled = "Reconciled";
constexpr const char* kMetered = "Metered";
constexpr const char* kRunawayDetected = "RunawayDetected";

// Of an API object's size, which holds every agent's entry too.
constexpr std::size_t kMostTaken = 1000;

// What is to be known of whom the selector found; no reason: nothing.
KindProblem FindingsOf(const api::AgentPool& pool) {
  const auto& found = pool.found;
  if (!found.unnamed.empty()) {
    return {
        "TooManyAgents",
        "agentSelector finds " + std::to_string(found.unnamed.size()) +
            " agents more than a pool has entries for; together they are the agent " +
            api::kOtherAgents +
            ", throttled and stopped with the pool and counted for it, but not each for itself; "
            "label those that belong together purser.dev/agent, or make several pools"};
  }
  if (!found.collisions.empty()) {
    return {"AgentNamesCollide",
            "one name, so one agent and one budget: " + Join(found.collisions) +
                "; if they are not, label each purser.dev/agent with a name of its own"};
  }
  return {};
}

// What is said where every workload is known.
std::string ResolvedText(const api::AgentPool& pool) {
  const bool finds_none =
      pool.spec.agent_selector &&
      std::none_of(pool.spec.agents.begin(), pool.spec.agents.end(),
                   [](const auto& agent) { return agent.found || !agent.others.empty(); });
  return finds_none ? "agentSelector finds no workload at present; every other one exists and is "
                      "this pool's alone"
                    : "every workload exists and is this pool's alone";
}

// Reason and message of the condition Ready: of what is in the way, the
// gravest.
std::pair<std::string, std::string> ReadinessOf(const PoolReport& report,
                                                const std::vector<std::string>& missing,
                                                const std::string& shared_workloads,
                                                const std::string& contention) {
  std::vector<std::string> refused;
  for (const auto& agent : report.agents) {
    if (!agent.refused.empty()) refused.push_back(agent.refused);
  }
  if (!refused.empty()) {
    return {"ScaleRefused", "cannot be scaled, so what is asked is not so: " + Join(refused) +
                                "; it is tried again with backoff"};
  }
  if (!report.spent_after_stop.empty())
    return {"SpendAfterStop", StillSpendingMessage(report.spent_after_stop)};
  if (const auto unseen = UnseenKinds(report); !unseen.message.empty())
    return {unseen.reason, unseen.message};
  if (!missing.empty()) {
    return {"WorkloadNotFound", "spec.agents[].workloadRef: not found in namespace " +
                                    report.pool.meta.ns + ": " + Join(missing)};
  }
  if (!contention.empty()) return {"ReplicasKeepChanging", contention};
  if (!report.shared.workloads.empty()) return {"WorkloadShared", shared_workloads};
  if (!report.shared.agents.empty()) {
    return {"AgentShared",
            "spec.agents[].name is unique in its namespace, for spend is known by "
            "it and now counts "
            "for both pools; rename the agent or take it out of the other pool: " +
                Join(report.shared.agents)};
  }
  if (const auto unpublished = UnpublishedOf(report); !unpublished.empty())
    return {"LimitsNotPublished", unpublished};
  return {kReconciled, "every agent is as its budgets ask"};
}

}  // namespace

void FillFrom(const workloads::Workload& workload, AgentReport& report) {
  report.replicas = workload.replicas;
  report.running = workload.Running();
  report.ended = workload.Ended();
}

std::int32_t PoolStateRank(std::string_view state) {
  const auto* found = std::find(kWeakestFirst.begin(), kWeakestFirst.end(), state);
  return found == kWeakestFirst.end()
             ? 0
             : static_cast<std::int32_t>(std::distance(kWeakestFirst.begin(), found));
}

std::string StateOf(const AgentReport& agent, const api::ScalingSpec& scaling) {
  const bool scales = scaling.on_stop == api::OnStop::kZero && !agent.missing;
  if (agent.outcome.state == "Stopped" && scales && !agent.ended) return "Stopping";
  return agent.outcome.state;
}

std::string PoolState(const std::vector<AgentReport>& agents, const api::ScalingSpec& scaling,
                      bool audit_only) {
  std::int32_t strongest = 0;
  for (const auto& agent : agents)
    strongest = std::max(strongest, PoolStateRank(StateOf(agent, scaling)));
  if (strongest == 0 && audit_only) return "Audit";
  return std::string(kWeakestFirst[static_cast<std::size_t>(strongest)]);
}

std::string PoolMessage(const PoolReport& report) {
  if (!report.pool.spec.stop.reason.empty()) return StoppedBy(report);
  const bool waits = std::any_of(report.agents.begin(), report.agents.end(),
                                 [](const auto& agent) { return agent.waits_for_person; });
  if (waits) return kWayToRestore;
  std::string concurrency;
  if (report.concurrency != report.pool.spec.max_concurrency) {
    concurrency = "concurrency " + std::to_string(report.pool.spec.max_concurrency) + " -> " +
                  std::to_string(report.concurrency);
  }
  if (const auto runaway = RunawayText(report); !runaway.empty())
    return concurrency.empty() ? runaway : runaway + "; " + concurrency;
  if (!report.demand.governor) return concurrency.empty() ? "nothing is short" : concurrency;
  const auto& governor = *report.demand.governor;
  std::string message = GovernorText(governor, report.demand.beside) + governor.decision.message;
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
  status.limit_targets = report.targets.targets;
  const bool by_person = !pool.spec.stop.reason.empty();
  const bool by_runaway = !RunawayText(report).empty();
  status.reason =
      report.demand.governor || by_person || by_runaway || message == kWayToRestore ? message : "";
  status.runaway = RunawayStatusOf(report.runaways);

  std::vector<std::string> missing;
  std::vector<std::string> stopped;
  std::vector<std::string> stopping;
  std::vector<std::string> contended;
  bool throttled = false;
  std::size_t all_taken = 0;
  for (const auto& agent : report.agents) {
    api::AgentPoolAgentStatus entry;
    entry.name = agent.name;
    const std::string state = StateOf(agent, pool.spec.scaling);
    entry.state = agent.missing ? "Missing" : state;
    entry.concurrency = agent.outcome.concurrency;
    entry.replicas = agent.replicas;
    entry.running = agent.running;
    if (agent.since) entry.since = FormatUtc(*agent.since);
    PutSaved(agent.saved, agent.saved_of, entry);
    for (const auto& taken : agent.taken) {
      if (++all_taken <= kMostTaken) entry.workloads.push_back(taken);
    }
    if (agent.governor) entry.governed_by = agent.governor->budget.name;
    entry.reason = agent.waits_for_person                                 ? kWayToRestore
                   : by_person && agent.refused.empty() && !agent.missing ? StoppedBy(report)
                                                                          : ReasonOf(agent);
    status.agents.push_back(std::move(entry));
    if (agent.missing && agent.problem.message.empty()) missing.push_back(agent.workload);
    if (agent.contended) {
      const std::string by = agent.contended_by.empty() ? "" : " (by " + agent.contended_by + ")";
      contended.push_back(agent.workload + by + ": " +
                          WayOutOfContention(agent.contended_by,
                                             agent.workload.substr(0, agent.workload.find(' ')),
                                             agent.autoscaler));
    }
    if (agent.outcome.level == policy::Level::kStopped) {
      if (state == "Stopped") {
        stopped.push_back(agent.name);
      } else {
        stopping.push_back(agent.name + " (" + std::to_string(agent.replicas) + " replicas, " +
                           std::to_string(agent.running) + " pods)");
      }
    }
    if (agent.outcome.state != "Normal" && agent.outcome.state != "Ramping") throttled = true;
  }

  const auto set = [&](const char* type, bool value, const std::string& reason,
                       const std::string& text) {
    SetCondition(status.conditions, type, value, reason, text, pool.meta.generation, report.now);
  };
  const bool shared = !report.shared.workloads.empty();
  const std::string whose =
      "a workload belongs to one pool, until then the "
      "lower ask wins; take it out of the other: " +
      Join(report.shared.workloads);
  const std::string contention =
      contended.empty() ? "" : "somebody else keeps setting replicas of " + Join(contended);
  const auto [ready, why] = ReadinessOf(report, missing, whose, contention);
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
  const bool all_stopped = stopping.empty() && !stopped.empty();
  set("Stopped", all_stopped,
      all_stopped        ? (by_person    ? "StoppedByPerson"
                            : by_runaway ? "Runaway"
                                         : "BudgetExhausted")
      : stopping.empty() ? "NotStopped"
                         : (report.state == "Draining" ? "Draining" : "Stopping"),
      !stopping.empty() ? message + "; not stopped yet: " + Join(stopping)
      : stopped.empty() ? message
                        : message + "; agents: " + Join(stopped));
  const auto unseen = UnseenKinds(report);
  const auto findings = FindingsOf(pool);
  set("WorkloadsResolved",
      missing.empty() && !shared && unseen.message.empty() && findings.message.empty(),
      !unseen.message.empty()     ? unseen.reason
      : !missing.empty()          ? "WorkloadNotFound"
      : shared                    ? "WorkloadShared"
      : !findings.message.empty() ? findings.reason
                                  : "Resolved",
      !unseen.message.empty() ? unseen.message
      : !missing.empty()      ? "not found: " + Join(missing) + "; create it or correct workloadRef"
      : shared                ? whose
      : !findings.message.empty() ? findings.message
                                  : ResolvedText(pool));
  const auto unpublished = UnpublishedOf(report);
  set("LimitsPublished", unpublished.empty(),
      !unpublished.empty()              ? "PublishFailed"
      : pool.spec.limit_targets.empty() ? "NoTargets"
                                        : "Published",
      !unpublished.empty()              ? unpublished
      : pool.spec.limit_targets.empty() ? "no limitTargets: nobody is told the concurrency"
                                        : "limits in force are published");
  const bool spends = !report.spent_after_stop.empty();
  set("StillSpending", spends, spends ? "SpendAfterStop" : "NoSpendAfterStop",
      spends ? StillSpendingMessage(report.spent_after_stop) : "no stopped agent spends");
  set("ActuatorContention", !contended.empty(),
      contended.empty() ? "NoContention" : "ReplicasKeepChanging",
      contended.empty() ? "nobody else changes the replicas" : contention);
  if (!report.runaways.empty()) {
    const auto [reason, text] = RunawayConditionOf(report.runaways, pool.spec.runaway->action);
    set(kRunawayDetected, true, reason, text);
  } else if (pool.spec.runaway) {
    set(kRunawayDetected, false, "NoneSeen", "no rule of spec.runaway is broken");
  } else if (FindCondition(status.conditions, kRunawayDetected) != nullptr) {
    set(kRunawayDetected, false, "NoRules", "spec.runaway is gone: nobody looks");
  }
  // Last, for it may come later than the others. What was written before a restart stays until it
  // is known anew.
  const auto& metering = report.metering;
  const bool unread = metering && metering->state == ledger::SourceHealth::State::kNeverRead;
  if (metering && !(unread && FindCondition(status.conditions, kMetered) != nullptr)) {
    const auto metered = MeteredOf(*report.metering);
    set(kMetered, metered.metered, metered.reason, metered.message);
  }
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

namespace {

// Counts rise from call to call, which is no news.
bool SameRunaways(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after) {
  return std::equal(before.runaway.begin(), before.runaway.end(), after.runaway.begin(),
                    after.runaway.end(), [](const auto& a, const auto& b) {
                      return a.rule == b.rule && a.agents == b.agents && a.since == b.since;
                    });
}

// Who is not metered: the message stays as it is until that changes.
bool TellsOther(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after) {
  const auto* was = FindCondition(before.conditions, kMetered);
  const auto* is = FindCondition(after.conditions, kMetered);
  return was != nullptr && is != nullptr && was->message != is->message;
}

}  // namespace

bool WorthWriting(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after) {
  if (before.observed_generation != after.observed_generation || before.state != after.state ||
      before.agent_count != after.agent_count || before.max_concurrency != after.max_concurrency ||
      before.governed_by != after.governed_by || before.agents.size() != after.agents.size() ||
      before.limit_targets != after.limit_targets || TellsOther(before, after) ||
      !SameRunaways(before, after) || ConditionsDiffer(before.conditions, after.conditions)) {
    return true;
  }
  return !std::equal(before.agents.begin(), before.agents.end(), after.agents.begin(),
                     [](const auto& a, const auto& b) {
                       return a.name == b.name && a.state == b.state &&
                              a.concurrency == b.concurrency && a.replicas == b.replicas &&
                              a.running == b.running && a.since == b.since &&
                              a.saved_replicas == b.saved_replicas &&
                              a.set_replicas == b.set_replicas && a.saved_at == b.saved_at &&
                              a.workload_uid == b.workload_uid && a.workloads == b.workloads &&
                              a.governed_by == b.governed_by;
                     });
}

}  // namespace purser::controllers
