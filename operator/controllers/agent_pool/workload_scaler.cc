#include "controllers/agent_pool/workload_scaler.h"

#include <algorithm>

#include "controllers/agent_pool/saved_status.h"
#include "controllers/roster.h"
#include "workloads/scale_actuator.h"

namespace purser::controllers {
namespace {

bool OfApps(const api::WorkloadRef& reference) {
  return reference.api_version == "apps/v1" &&
         (reference.kind == "Deployment" || reference.kind == "StatefulSet");
}

// What one of several workloads came to, into what the agent came to.
void Merge(const AgentReport& one, bool first, AgentReport& all) {
  if (first) {
    all.replicas = one.replicas;
    all.running = one.running;
    all.ended = one.ended;
    all.saved = one.saved;
    all.saved_of = one.saved_of;
  } else {
    all.replicas += one.replicas;
    all.running += one.running;
    all.ended = all.ended && one.ended;
    if (!all.saved) {
      all.saved = one.saved;
      all.saved_of = one.saved_of;
    }
  }
  if (all.refused.empty()) all.refused = one.refused;
  if (all.note.empty()) all.note = one.note;
  if (one.contended) {
    all.contended = true;
    if (all.contended_by.empty()) all.contended_by = one.contended_by;
    if (!all.autoscaler) all.autoscaler = one.autoscaler;
  }
}

// Jobs that a CronJob has made and that have not run to their end.
void AddJobs(const Caches& caches, const workloads::Workload& cron_job,
             std::vector<Place>& places) {
  const auto jobs = caches.kinds.Of(JobsKind());
  if (!jobs.watch) return;
  for (auto& job : jobs.watch->informer.ByIndex(kWorkloadsByOwner, cron_job.meta.uid)) {
    if (job->Finished() || job->meta.deleting) continue;
    auto reference = JobsKind();
    reference.name = job->meta.name;
    places.push_back({std::move(reference), jobs.watch->kind, std::move(job), true});
  }
}

}  // namespace

std::set<api::WorkloadRef> WorkloadScaler::KindsOf(const api::AgentPool& pool,
                                                   const WorkloadMemories& memories) {
  std::set<api::WorkloadRef> kinds;
  const auto add = [&kinds](const api::WorkloadRef& reference) {
    if (reference.kind.empty() || OfApps(reference)) return;
    kinds.insert(KindOf(reference));
    if (KindOf(reference) == CronJobsKind()) kinds.insert(JobsKind());
  };
  for (const auto& agent : pool.spec.agents) add(agent.workload_ref);
  if (pool.spec.agent_selector) {
    for (const auto& kind : controllers::KindsOf(*pool.spec.agent_selector)) add(kind);
  }
  for (const auto& [name, memory] : memories) {
    if (memory.saved) add(memory.reference);
  }
  return kinds;
}

std::vector<Place> WorkloadScaler::PlacesOf(const api::AgentPool& pool, const api::AgentSpec& agent,
                                            AgentReport& report) const {
  std::vector<Place> places;
  const auto& reference = agent.workload_ref;
  report.workload = NameOf(reference);
  const auto sight = caches_.kinds.Of(reference);
  report.pending = !sight.watch && sight.problem.message.empty();
  if (!sight.watch) report.problem = sight.problem;
  const bool there = AddPlaces(pool, reference, places, report);
  report.missing = !report.pending && !there;
  for (const auto& other : agent.others) AddPlaces(pool, other, places, report);
  // One that was found and is gone since is no longer an agent.
  if (agent.found) report.missing = false;
  return places;
}

bool WorkloadScaler::AddPlaces(const api::AgentPool& pool, const api::WorkloadRef& reference,
                               std::vector<Place>& places, AgentReport& report) const {
  const auto sight = caches_.kinds.Of(reference);
  auto workload = sight.watch ? sight.watch->informer.Get({pool.meta.ns, reference.name}) : nullptr;
  if (!workload || workload->meta.deleting) return false;
  places.push_back({reference, sight.watch->kind, workload});
  if (!workload->RunsJobs()) return true;
  AddJobs(caches_, *workload, places);
  if (const auto jobs = caches_.kinds.Of(JobsKind()); !jobs.problem.message.empty())
    report.note = jobs.problem.message;
  return true;
}

void WorkloadScaler::Look(const api::AgentPool& pool, const api::AgentSpec& agent,
                          const WorkloadMemories& memories, AgentReport& report) const {
  const auto places = PlacesOf(pool, agent, report);
  for (std::size_t i = 0; i < places.size(); ++i) {
    AgentReport one;
    FillFrom(*places[i].workload, one);
    const auto memory = memories.find(NameOf(places[i].reference));
    if (places[i].workload->HidesPods())
      one.ended = one.ended && memory != memories.end() && memory->second.pods_gone;
    Merge(one, i == 0, report);
  }
}

Status WorkloadScaler::Scale(const PoolPointer& pool, const api::AgentSpec& agent,
                             const AgentDemand& demand, WorkloadMemories& memories,
                             AgentReport& report, std::optional<Timestamp>& next) {
  const auto places = PlacesOf(*pool, agent, report);
  if (places.empty()) {
    // What was taken stays known while its kind cannot be seen.
    const auto memory = memories.find(report.workload);
    if (memory != memories.end() && (report.pending || !report.problem.message.empty())) {
      report.saved = memory->second.saved;
      report.saved_of = agent.workload_ref;
    }
    return Ok();
  }
  Status first = Ok();
  for (std::size_t i = 0; i < places.size(); ++i) {
    AgentReport one;
    one.name = report.name;
    one.outcome = report.outcome;
    one.governor = report.governor;
    one.workload = NameOf(places[i].reference);
    one.saved_of = places[i].reference;
    auto asked = demand;
    const bool made = places[i].made;
    if (made && pool->spec.scaling.running_jobs == api::RunningJobs::kFinish)
      one.outcome.level = policy::Level::kNormal;
    KeepFirst(first,
              step_.Take(pool, agent.name, places[i], asked, memories[one.workload], one, next));
    // What runs are its Jobs, which are among the places where they can be seen.
    if (places[i].workload->RunsJobs()) {
      if (caches_.kinds.Of(JobsKind()).watch) {
        one.running = 0;
      } else {
        one.ended = one.ended && one.running == 0;
      }
    }
    if (one.saved && (places.size() > 1 || agent.found))
      report.taken.push_back(TakenOf(*one.saved, places[i].reference));
    Merge(one, i == 0, report);
    if (one.missing && i == 0 && !agent.found) report.missing = true;
  }
  return first;
}

std::set<std::string> WorkloadScaler::Named(const api::AgentPool& pool) const {
  std::set<std::string> named;
  for (const auto& agent : pool.spec.agents) {
    AgentReport ignored;
    named.insert(WorkloadIndexValue(pool.meta.ns, agent.workload_ref));
    for (const auto& other : agent.others) named.insert(WorkloadIndexValue(pool.meta.ns, other));
    if (OfApps(agent.workload_ref) && agent.others.empty()) continue;
    for (const auto& place : PlacesOf(pool, agent, ignored))
      named.insert(WorkloadIndexValue(pool.meta.ns, place.reference));
  }
  return named;
}

bool WorkloadScaler::NamedByAnother(const kube::ObjectKey& pool,
                                    const std::string& workload) const {
  const auto naming = caches_.PoolsNaming(pool.ns, kPoolsByWorkload, workload);
  return std::any_of(naming.begin(), naming.end(), [&](const auto& other) {
    return other->meta.key() != pool && !other->meta.deleting && !other->invalid;
  });
}

Status WorkloadScaler::RestoreOthers(const kube::ObjectKey& key, const api::AgentPool* pool,
                                     WorkloadMemories* memories) {
  Status first = Ok();
  const auto named = pool != nullptr ? Named(*pool) : std::set<std::string>();
  for (const auto& watch : caches_.kinds.All()) {
    for (const auto& workload : watch->informer.ByIndex(kWorkloadsByPool, key.ToString())) {
      const auto value =
          WorkloadIndexValue(workload->meta.ns, watch->kind->id(), workload->meta.name);
      if (named.contains(value) || NamedByAnother(key, value)) continue;
      // What is about to go, or never runs again, is left as it is.
      if (workload->meta.deleting || workload->Finished()) continue;
      // It has come since this began.
      if (pool != nullptr && caches_.roster.Finds(*pool, *watch->kind, *workload)) continue;
      const std::string name = watch->kind->id() + " " + workload->meta.name;
      std::optional<workloads::Saved> known;
      if (memories != nullptr && memories->contains(name)) known = memories->at(name).saved;
      const auto restored = step_.Restore(key, *watch->kind, watch->informer, *workload, known);
      KeepFirst(first, restored);
      if (restored.ok() && memories != nullptr) memories->erase(name);
    }
  }
  if (memories == nullptr) return first;
  // Those whose original stands in the status alone.
  for (auto entry = memories->begin(); entry != memories->end();) {
    const auto& memory = entry->second;
    const auto value = WorkloadIndexValue(key.ns, memory.reference);
    if (memory.reference.kind.empty() || named.contains(value)) {
      ++entry;
      continue;
    }
    Status restored = Ok();
    if (memory.saved && !NamedByAnother(key, value)) {
      const auto sight = caches_.kinds.Of(memory.reference);
      if (sight.watch) {
        const auto workload = sight.watch->informer.Get({key.ns, memory.reference.name});
        if (workload && !workload->meta.deleting && !workload->Finished())
          restored = step_.Restore(key, *sight.watch->kind, sight.watch->informer, *workload,
                                   memory.saved);
      } else if (sight.problem.reason != "KindNotServed") {
        // Where its definition is gone, so is the workload.
        restored = Error(ErrorCode::kUnavailable,
                         "what was taken of " + entry->first + " is not restored yet: " +
                             (sight.problem.message.empty() ? "its kind is being listed"
                                                            : sight.problem.message));
      }
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
