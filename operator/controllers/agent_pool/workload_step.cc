#include "controllers/agent_pool/workload_step.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "controllers/agent_pool/pods.h"
#include "controllers/agent_pool/restore.h"
#include "controllers/resources.h"
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

struct WorkloadStep::Subject {
  const api::WorkloadRef& reference;
  const workloads::Kind& kind;
  const workloads::Workload& workload;
  const std::string& agent;
  std::string why;  // "; budget x: spent …"
};

std::vector<workloads::OtherAsk> WorkloadStep::AsksOfOthers(const api::AgentPool& pool,
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

void WorkloadStep::TellRefusal(const api::AgentPool& pool, const Subject& subject,
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
  record(ReferenceTo(subject.kind.type(), subject.workload.meta));
  if (!report.governor) return;
  if (const auto budget = on_.caches.budgets.Get(report.governor->budget))
    record(ReferenceTo(*budget));
}

Status WorkloadStep::Carry(const PoolPointer& pool, const Subject& subject,
                           workloads::WorkloadPlan& plan, WorkloadMemory& memory,
                           AgentReport& report) {
  auto answer = memory.through_scale && plan.replicas
                    ? workloads::ActuateScale(on_.client, subject.kind, subject.workload, plan)
                    : workloads::Actuate(on_.client, subject.kind, subject.workload, plan);
  if (!answer && !memory.through_scale && workloads::MayTryScale(subject.kind, answer.error())) {
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
          plan.patch_saved ? on_.remember(pool, subject.agent, subject.reference, *plan.patch_saved)
                           : Ok();
      if (remembered.ok()) {
        auto scaled = workloads::ActuateScale(on_.client, subject.kind, subject.workload, plan);
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
    const auto dropped = workloads::DropOwnership(on_.client, subject.kind, *answer);
    if (dropped && *dropped) answer = **dropped;
  }
  FillFrom(*answer, report);
  memory.saved = plan.patch_saved;
  FillSaved(memory.saved, report);
  memory.pods_gone = false;
  Observe(subject.reference, std::move(answer).value());
  on_.events.Record(ReferenceTo(subject.kind.type(), subject.workload.meta),
                    Restores(plan.kind) ? kube::EventType::kNormal : kube::EventType::kWarning,
                    EventReason(plan.kind), "Scale", plan.explanation + subject.why);
  spdlog::info("pool={} agent={} workload={} {}{}", pool->meta.key().ToString(), subject.agent,
               report.workload, plan.explanation, subject.why);
  return Ok();
}

std::optional<Autoscaler> WorkloadStep::AutoscalerOf(const api::AgentPool& pool,
                                                     const Place& place) {
  return autoscalers_.Of(pool.meta.ns, place.reference.kind, place.reference.name);
}

void WorkloadStep::Observe(const api::WorkloadRef& reference, workloads::Workload workload) const {
  const auto sight = on_.caches.kinds.Of(reference);
  if (sight.watch) sight.watch->informer.Observe(std::move(workload));
}

Status WorkloadStep::Take(const PoolPointer& pool, const std::string& agent, const Place& place,
                          const AgentDemand& demand, WorkloadMemory& memory, AgentReport& report,
                          std::optional<Timestamp>& next) {
  const auto& kind = *place.kind;
  const auto& workload = place.workload;
  const auto value = WorkloadIndexValue(pool->meta.ns, place.reference);
  memory.reference = place.reference;
  FillFrom(*workload, report);
  if (workload->replicas != 0) memory.pods_gone = false;

  workloads::WorkloadAsk ask;
  ask.level = report.outcome.level;
  ask.concurrency = demand.share;
  ask.maximum = demand.share_of;
  ask.may_relax = demand.may_relax;
  ask.drained = report.outcome.drained;
  ask.pool = pool->meta.name;
  ask.pool_uid = pool->meta.uid;
  const auto others = AsksOfOthers(*pool, value, ask);

  auto known = workloads::StateOf(kind, *workload, memory.saved);
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
  const Subject subject{place.reference, kind, *workload, agent,
                        report.governor ? "; budget " + report.governor->budget.name + ": " +
                                              report.governor->decision.message
                                        : ""};
  memory.saved = state.saved;
  FillSaved(state.saved, report);

  state.contended = memory.contention.Contended(on_.clock.Now());
  // What would be taken for a person's wish may be an autoscaler's, under any name.
  if (kind.on_scale() && state.saved && state.live > state.saved->set &&
      workloads::ChangerOf(state.changed_by) == workloads::Changer::kPerson)
    state.autoscaled = AutoscalerOf(*pool, place).has_value();
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
      on_.events.Record(ReferenceTo(kind.type(), workload->meta), kube::EventType::kWarning,
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
    if (kind.on_scale()) report.autoscaler = AutoscalerOf(*pool, place);
    Earliest(next, contention.Ends());
  };
  if (waits || plan.kind == PlanKind::kNothing) {
    // What an earlier version, or a life that ended too early, left there.
    if (!state.saved && workload->owns_replicas && !memory.through_scale) {
      auto dropped = workloads::DropOwnership(on_.client, kind, *workload);
      if (dropped && *dropped) {
        Observe(place.reference, std::move(**dropped));
      } else if (!dropped && workloads::MayTryScale(kind, dropped.error())) {
        memory.through_scale = true;
      }
    }
    if (report.outcome.level == policy::Level::kStopped)
      LookAtPods(*workload, memory, report, next);
    tell_contention();
    return Ok();
  }
  const bool reasserts = plan.kind == PlanKind::kReassert;
  const auto carried = Carry(pool, subject, plan, memory, report);
  // Of a conflict nothing is known: what was seen may have been the past.
  if (reasserts && carried.ok()) contention.Reversed(now, state.changed_by, level);
  tell_contention();
  if (carried.ok() && workload->HidesPods() && report.replicas == 0) {
    report.ended = false;
    Earliest(next, on_.clock.Now() + kLookAtPodsEvery);
  }
  return carried;
}

void WorkloadStep::LookAtPods(const workloads::Workload& workload, WorkloadMemory& memory,
                              AgentReport& report, std::optional<Timestamp>& next) {
  if (!workload.HidesPods() || !report.ended || memory.pods_gone) return;
  report.ended = false;
  const auto pods = CountPods(on_.client, workload);
  if (!pods) {
    report.note = "whether its pods are gone cannot be seen: " + pods.error().message();
    Earliest(next, on_.clock.Now() + kLookAtPodsAgain);
    return;
  }
  report.running = *pods;
  report.ended = memory.pods_gone = *pods == 0;
  if (!report.ended) Earliest(next, on_.clock.Now() + kLookAtPodsEvery);
}

Status WorkloadStep::Restore(const kube::ObjectKey& pool, const workloads::Kind& kind,
                             kube::Informer<workloads::Workload>& informer,
                             const workloads::Workload& workload,
                             const std::optional<workloads::Saved>& known) {
  const auto restored = RestoreWorkload(on_.client, kind, workload, known);
  if (!restored) return restored.error();
  if (!*restored) return Ok();
  informer.Observe((*restored)->workload);
  on_.events.Record(ReferenceTo(kind.type(), workload.meta), kube::EventType::kNormal, "Restored",
                    "Scale", (*restored)->explanation);
  spdlog::info("pool={} workload={} {} {}", pool.ToString(), kind.id(),
               workload.meta.key().ToString(), (*restored)->explanation);
  return Ok();
}

}  // namespace purser::controllers
