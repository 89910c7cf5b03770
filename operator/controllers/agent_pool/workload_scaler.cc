#include "controllers/agent_pool/workload_scaler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "controllers/agent_pool/restore.h"
#include "controllers/resources.h"
#include "workloads/kinds.h"
#include "workloads/scale_actuator.h"

namespace purser::controllers {
namespace {

using workloads::PlanKind;

void Earliest(std::optional<Timestamp>& next, Timestamp candidate) {
  if (!next || candidate < *next) next = candidate;
}

const char* EventReason(PlanKind kind) {
  switch (kind) {
    case PlanKind::kRestore:
      return "Restored";
    case PlanKind::kForget:
      return "LeftAsChanged";
    case PlanKind::kReassert:
      return "ScaledDownAgain";
    case PlanKind::kRemember:
      return "OriginalWrittenAgain";
    default:
      return "Scaled";
  }
}

bool Restores(PlanKind kind) { return kind == PlanKind::kRestore || kind == PlanKind::kForget; }

void FillFrom(const workloads::Workload& workload, AgentReport& report) {
  report.replicas = workload.replicas;
  report.running = workload.Running();
  report.ended = workload.Ended();
}

void FillSaved(const std::optional<workloads::Saved>& saved, AgentReport& report) {
  report.saved = saved;
}

// What a first taking does not know by itself.
void Complete(const std::optional<workloads::Saved>& before, const workloads::Workload& workload,
              Timestamp now, workloads::WorkloadPlan& plan) {
  if (!plan.patch_saved) return;
  if (!before) plan.patch_saved->at = std::chrono::floor<std::chrono::seconds>(now);
  plan.patch_saved->workload_uid = workload.meta.uid;
}

}  // namespace

struct WorkloadScaler::Subject {
  const kube::ResourceType& type;
  const workloads::Workload& workload;
  const std::string& agent;
  std::string why;  // "; budget x: spent …"
};

void WorkloadScaler::Look(const api::AgentPool& pool, const api::AgentSpec& agent,
                          AgentReport& report) const {
  const auto& reference = agent.workload_ref;
  report.workload = reference.kind + " " + reference.name;
  const auto workload = on_.caches.Workloads(reference.kind).Get({pool.meta.ns, reference.name});
  report.missing = !workload || workload->meta.deleting;
  if (!report.missing) FillFrom(*workload, report);
}

std::vector<workloads::OtherAsk> WorkloadScaler::AsksOfOthers(const api::AgentPool& pool,
                                                              const std::string& workload,
                                                              workloads::WorkloadAsk& own) const {
  std::vector<workloads::OtherAsk> asks;
  const auto others = on_.caches.OthersNaming(pool, kPoolsByWorkload, workload);
  if (others.empty()) return asks;
  const bool changed = on_.asks.Put(workload, pool.meta.key(), {own, pool.spec.scaling});
  for (const auto& other : others) {
    if (other->invalid) continue;
    const auto key = other->meta.key();
    auto ask = on_.asks.Get(workload, key);
    // Restoring without knowing what the other asks could undo what it took.
    if (!ask) own.may_relax = false;
    if (changed || !ask) on_.enqueue_pool(key);
    if (ask) asks.push_back(std::move(*ask));
  }
  return asks;
}

bool WorkloadScaler::NamedByAnother(const kube::ObjectKey& pool,
                                    const std::string& workload) const {
  const auto naming = on_.caches.pools.ByIndex(kPoolsByWorkload, workload);
  return std::any_of(naming.begin(), naming.end(), [&](const auto& other) {
    return other->meta.key() != pool && !other->meta.deleting && !other->invalid;
  });
}

void WorkloadScaler::TellRefusal(const api::AgentPool& pool, const Subject& subject,
                                 const Error& error, WorkloadMemory& memory,
                                 AgentReport& report) const {
  report.refused = error.message();
  if (memory.refusal == error.message()) return;
  memory.refusal = error.message();
  const std::string note = "agent " + subject.agent + " is not scaled: " + error.message() +
                           "; tried again with backoff" + subject.why;
  const auto record = [&](const kube::ObjectReference& regarding) {
    on_.events.Record(regarding, kube::EventType::kWarning, "ScaleRefused", "Scale", note);
  };
  record(ReferenceTo(pool));
  record(ReferenceTo(subject.type, subject.workload.meta));
  if (!report.governor) return;
  if (const auto budget = on_.caches.budgets.Get(report.governor->budget))
    record(ReferenceTo(*budget));
}

Status WorkloadScaler::Carry(const PoolPointer& pool, const Subject& subject,
                             workloads::WorkloadPlan& plan, WorkloadMemory& memory,
                             AgentReport& report) {
  auto& informer = on_.caches.Workloads(subject.type.kind);
  auto answer = memory.through_scale && plan.replicas
                    ? workloads::ActuateScale(on_.client, subject.type, subject.workload, plan)
                    : workloads::Actuate(on_.client, subject.type, subject.workload, plan);
  if (!answer && !memory.through_scale && workloads::MayTryScale(answer.error())) {
    if (!plan.replicas && answer.error().code() != ErrorCode::kUnavailable) {
      // Nothing hangs on the annotation alone: the status holds the original,
      // too.
      memory.through_scale = true;
      report.note = answer.error().message();
      if (plan.kind == PlanKind::kForget) memory.saved.reset();
      return Ok();
    }
    if (plan.replicas) {
      const auto refusal = answer.error();
      // A Scale holds no annotation: the original is written elsewhere before
      // it is needed there.
      const Status remembered =
          plan.patch_saved ? on_.remember(pool, subject.agent, *plan.patch_saved) : Ok();
      if (remembered.ok()) {
        auto scaled = workloads::ActuateScale(on_.client, subject.type, subject.workload, plan);
        if (scaled) {
          memory.through_scale = refusal.code() != ErrorCode::kUnavailable;
          plan.explanation += " through the subresource scale, for " + refusal.message();
          answer = std::move(scaled);
        } else if (scaled.error().code() == ErrorCode::kConflict) {
          return scaled.error();
        }
      }
    }
  }
  if (!answer) {
    const auto& error = answer.error();
    if (error.code() == ErrorCode::kNotFound) {
      report.missing = true;
      return Ok();
    }
    if (error.code() != ErrorCode::kConflict && error.code() != ErrorCode::kCancelled)
      TellRefusal(pool ? *pool : api::AgentPool{}, subject, error, memory, report);
    return error;
  }
  memory.refusal.clear();
  if (Restores(plan.kind) && !memory.through_scale) {
    const auto dropped = workloads::DropOwnership(on_.client, subject.type, *answer);
    if (dropped && *dropped) answer = **dropped;
  }
  FillFrom(*answer, report);
  memory.saved = plan.patch_saved;
  FillSaved(memory.saved, report);
  informer.Observe(std::move(answer).value());
  on_.events.Record(ReferenceTo(subject.type, subject.workload.meta),
                    Restores(plan.kind) ? kube::EventType::kNormal : kube::EventType::kWarning,
                    EventReason(plan.kind), "Scale", plan.explanation + subject.why);
  spdlog::info("pool={} agent={} workload={} {}{}", pool->meta.key().ToString(), subject.agent,
               report.workload, plan.explanation, subject.why);
  return Ok();
}

Status WorkloadScaler::Scale(const PoolPointer& pool, const api::AgentSpec& agent,
                             const AgentDemand& demand, WorkloadMemories& memories,
                             AgentReport& report, std::optional<Timestamp>& next) {
  const auto& reference = agent.workload_ref;
  const auto workload = on_.caches.Workloads(reference.kind).Get({pool->meta.ns, reference.name});
  if (!workload || workload->meta.deleting) {
    report.missing = true;
    return Ok();
  }
  const auto value = WorkloadIndexValue(pool->meta.ns, reference.kind, reference.name);
  auto& memory = memories[report.workload];
  FillFrom(*workload, report);

  workloads::WorkloadAsk ask;
  ask.level = report.outcome.level;
  ask.concurrency = demand.share;
  ask.maximum = demand.share_of;
  ask.may_relax = demand.may_relax;
  ask.drained = report.outcome.drained;
  ask.pool = pool->meta.name;
  ask.pool_uid = pool->meta.uid;
  const auto others = AsksOfOthers(*pool, value, ask);

  auto known = workloads::StateOf(*workload, memory.saved);
  auto& state = known.state;
  if (memory.through_scale) {
    state.annotated = true;
    known.doubt.clear();
  }
  // Of a pool that does not name the workload: ours from now on.
  const bool theirs =
      state.saved && std::any_of(others.begin(), others.end(), [&](const auto& other) {
        return other.ask.pool == state.saved->pool;
      });
  if (state.saved && state.saved->pool != ask.pool && !theirs) {
    state.saved->pool = ask.pool;
    state.saved->pool_uid = ask.pool_uid;
    state.annotated = memory.through_scale;
  }
  const Subject subject{*workloads::WorkloadType(reference.kind), *workload, agent.name,
                        report.governor ? "; budget " + report.governor->budget.name + ": " +
                                              report.governor->decision.message
                                        : ""};
  memory.saved = state.saved;
  FillSaved(state.saved, report);

  state.contended = memory.contention.Contended(on_.clock.Now());
  // What would be taken for a person's wish may be an autoscaler's, under any name.
  if (state.saved && state.live > state.saved->set &&
      workloads::ChangerOf(state.changed_by) == workloads::Changer::kPerson) {
    state.autoscaled = autoscalers_.Of(pool->meta.ns, reference.kind, reference.name).has_value();
  }
  auto plan = workloads::PlanWorkload(state, ask, pool->spec.scaling, others);
  Complete(state.saved, *workload, on_.clock.Now(), plan);
  // Nothing has to be written there any more; or a life that ended before it could tell took it
  // off.
  if (Restores(plan.kind) &&
      !workload->meta.annotations.contains(std::string(workloads::kSavedAnnotation)))
    known.doubt.clear();
  if (known.doubt != memory.doubt) {
    memory.doubt = known.doubt;
    if (!known.doubt.empty()) {
      on_.events.Record(ReferenceTo(subject.type, workload->meta), kube::EventType::kWarning,
                        "OriginalInDoubt", "Scale", known.doubt);
    }
  }
  report.note =
      plan.kind == PlanKind::kNothing && !plan.explanation.empty() ? plan.explanation : known.doubt;

  auto level = ask.level;
  for (const auto& other : others) level = std::max(level, other.ask.level);
  const auto now = on_.clock.Now();
  auto& contention = memory.contention;
  bool waits = false;
  if (plan.kind == PlanKind::kReassert) {
    const auto at = contention.NextReassert(now, level);
    waits = at > now;
    if (waits) Earliest(next, at);
  }
  const auto tell_contention = [&] {
    if (!contention.Contended(now)) return;
    report.contended = true;
    report.contended_by = contention.by();
    report.autoscaler = autoscalers_.Of(pool->meta.ns, reference.kind, reference.name);
    Earliest(next, contention.Ends());
  };
  if (waits || plan.kind == PlanKind::kNothing) {
    // What an earlier version, or a life that ended too early, left there.
    if (!state.saved && workload->owns_replicas && !memory.through_scale) {
      auto dropped = workloads::DropOwnership(on_.client, subject.type, *workload);
      if (dropped && *dropped) {
        on_.caches.Workloads(reference.kind).Observe(std::move(**dropped));
      } else if (!dropped && workloads::MayTryScale(dropped.error())) {
        memory.through_scale = true;
      }
    }
    tell_contention();
    return Ok();
  }
  const bool reasserts = plan.kind == PlanKind::kReassert;
  const auto carried = Carry(pool, subject, plan, memory, report);
  // Of a conflict nothing is known: what was seen may have been the past.
  if (reasserts && carried.ok()) contention.Reversed(now, state.changed_by, level);
  tell_contention();
  return carried;
}

Status WorkloadScaler::RestoreOne(const kube::ObjectKey& key, const std::string& kind,
                                  const workloads::Workload& workload,
                                  const std::optional<workloads::Saved>& known) {
  const auto& type = *workloads::WorkloadType(kind);
  const auto restored = RestoreWorkload(on_.client, type, workload, known);
  if (!restored) return restored.error();
  if (!*restored) return Ok();
  on_.caches.Workloads(kind).Observe((*restored)->workload);
  on_.events.Record(ReferenceTo(type, workload.meta), kube::EventType::kNormal, "Restored", "Scale",
                    (*restored)->explanation);
  spdlog::info("pool={} workload={} {} {}", key.ToString(), kind, workload.meta.key().ToString(),
               (*restored)->explanation);
  return Ok();
}

Status WorkloadScaler::RestoreOthers(const kube::ObjectKey& key,
                                     const std::vector<std::string>& named,
                                     WorkloadMemories* memories) {
  Status first = Ok();
  const auto ours = [&](const std::string& value) {
    return std::find(named.begin(), named.end(), value) == named.end() &&
           !NamedByAnother(key, value);
  };
  for (const char* kind : {"Deployment", "StatefulSet"}) {
    for (const auto& workload :
         on_.caches.Workloads(kind).ByIndex(kWorkloadsByPool, key.ToString())) {
      if (!ours(WorkloadIndexValue(workload->meta.ns, kind, workload->meta.name))) continue;
      const std::string name = std::string(kind) + " " + workload->meta.name;
      std::optional<workloads::Saved> known;
      if (memories != nullptr && memories->contains(name)) known = memories->at(name).saved;
      const auto restored = RestoreOne(key, kind, *workload, known);
      KeepFirst(first, restored);
      if (restored.ok() && memories != nullptr) memories->erase(name);
    }
  }
  if (memories == nullptr) return first;
  // Those whose original stands in the status alone.
  for (auto entry = memories->begin(); entry != memories->end();) {
    const auto& [name, memory] = *entry;
    const auto space = name.find(' ');
    const std::string kind = name.substr(0, space);
    const std::string workload_name = name.substr(space + 1);
    const auto value = WorkloadIndexValue(key.ns, kind, workload_name);
    if (std::find(named.begin(), named.end(), value) != named.end()) {
      ++entry;
      continue;
    }
    Status restored = Ok();
    if (memory.saved && !NamedByAnother(key, value)) {
      if (const auto workload = on_.caches.Workloads(kind).Get({key.ns, workload_name}))
        restored = RestoreOne(key, kind, *workload, memory.saved);
    }
    if (restored.ok()) {
      entry = memories->erase(entry);
    } else {
      KeepFirst(first, restored);
      ++entry;
    }
  }
  return first;
}

}  // namespace purser::controllers
