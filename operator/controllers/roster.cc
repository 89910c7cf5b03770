#include "controllers/roster.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "api/text_form.h"
#include "controllers/caches.h"
#include "workloads/kind.h"

namespace purser::controllers {
namespace {

// Of the entries of a pool's status, one of which may be that of the others.
constexpr std::size_t kMostAgents = 256;
constexpr std::size_t kMostCollisions = 20;

std::string ApiVersionOf(std::string_view kind) {
  return kind == "Job" || kind == "CronJob" ? "batch/v1" : "apps/v1";
}

// "Deployment/crawler": equal for a workload however it is named.
std::string IdOf(const api::WorkloadRef& reference) {
  return reference.api_version + "/" + reference.kind + "/" + reference.name;
}

struct Group {
  std::vector<FoundWorkload> workloads;
  bool finished = true;  // all of them
};

// Several under one name of which not all say that they belong together.
bool Collide(const Group& group) {
  return group.workloads.size() > 1 &&
         !std::all_of(group.workloads.begin(), group.workloads.end(),
                      [](const FoundWorkload& one) { return one.named; });
}

void TellCollision(const std::string& agent, const std::string& first, const std::string& second,
                   std::vector<std::string>& into) {
  if (into.size() < kMostCollisions)
    into.push_back("agent " + agent + " is " + first + " and " + second);
}

}  // namespace

FoundWorkload FoundOf(const workloads::Kind& kind, const workloads::Workload& workload) {
  FoundWorkload found;
  found.reference = {kind.type().ApiVersion(), kind.type().kind, workload.meta.name, std::nullopt};
  found.finished = workload.Finished();
  const auto label = workloads::LabelOf(workload, kAgentLabel);
  found.named = label && api::AgentName(*label).empty();
  found.agent = found.named ? std::string(*label) : workload.meta.name;
  return found;
}

bool Selects(const api::AgentSelector& selector, const workloads::Kind& kind,
             const workloads::Workload& workload) {
  if (std::find(selector.kinds.begin(), selector.kinds.end(), kind.id()) == selector.kinds.end() ||
      kind.type().ApiVersion() != ApiVersionOf(kind.id()))
    return false;
  return std::all_of(selector.match_labels.begin(), selector.match_labels.end(),
                     [&](const auto& label) {
                       const auto value = workloads::LabelOf(workload, label.first);
                       return value && *value == label.second;
                     });
}

std::vector<api::WorkloadRef> KindsOf(const api::AgentSelector& selector) {
  std::vector<api::WorkloadRef> kinds;
  kinds.reserve(selector.kinds.size());
  for (const auto& kind : selector.kinds) kinds.push_back({ApiVersionOf(kind), kind, ""});
  return kinds;
}

api::AgentPool WithFound(const api::AgentPool& pool, std::vector<FoundWorkload> found) {
  api::AgentPool whole = pool;
  auto& agents = whole.spec.agents;
  std::map<std::string, std::size_t, std::less<>> named;
  std::set<std::string> listed;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    named[agents[i].name] = i;
    listed.insert(IdOf(agents[i].workload_ref));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.finished, a.reference) < std::tie(b.finished, b.reference);
  });
  std::map<std::string, Group> groups;
  for (auto& one : found) {
    if (listed.contains(IdOf(one.reference))) continue;  // the spec comes first
    if (const auto agent = named.find(one.agent); agent != named.end()) {
      auto& of = agents[agent->second];
      if (!one.named)
        TellCollision(one.agent, NameOf(of.workload_ref), NameOf(one.reference),
                      whole.found.collisions);
      of.others.push_back(std::move(one.reference));
      continue;
    }
    auto& group = groups[one.agent];
    group.finished = group.finished && one.finished;
    group.workloads.push_back(std::move(one));
  }
  std::vector<const std::pair<const std::string, Group>*> order;
  order.reserve(groups.size());
  for (const auto& group : groups) order.push_back(&group);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.finished < b->second.finished;
  });
  const auto room = kMostAgents - std::min(agents.size(), kMostAgents);
  const auto own = order.size() <= room ? order.size() : room - std::min<std::size_t>(room, 1);
  api::AgentSpec others;
  others.name = api::kOtherAgents;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& [name, group] = *order[i];
    if (Collide(group))
      TellCollision(name, NameOf(group.workloads[0].reference),
                    NameOf(group.workloads[1].reference), whole.found.collisions);
    api::AgentSpec own_entry;
    auto& agent = i < own ? own_entry : others;
    if (i >= own) whole.found.unnamed.push_back(name);
    for (const auto& one : group.workloads) {
      if (agent.workload_ref.kind.empty()) {
        agent.workload_ref = one.reference;
      } else {
        agent.others.push_back(one.reference);
      }
    }
    agent.found = true;
    agent.max_concurrency = pool.spec.agent_selector->max_concurrency;
    if (i >= own) continue;
    agent.name = name;
    agents.push_back(std::move(agent));
  }
  if (!others.workload_ref.kind.empty()) agents.push_back(std::move(others));
  auto& roster = whole.found.roster;
  for (const auto& agent : agents) {
    roster += agent.name;
    roster += '\n';
  }
  for (const auto& name : whole.found.unnamed) {
    roster += name;
    roster += '\n';
  }
  return whole;
}

Roster::Roster(const KindWatches& kinds, Pools naming, Pools selecting)
    : kinds_(kinds), naming_(std::move(naming)), selecting_(std::move(selecting)) {}

std::uint64_t Roster::ChangeOf(const std::string& ns) const {
  const auto found = changes_.find(ns);
  return found == changes_.end() ? 0 : found->second;
}

void Roster::Changed(const std::string& ns) {
  const std::lock_guard lock(mutex_);
  changes_[ns] = ++change_;
}

bool Roster::MadeByAnAgent(const workloads::Workload& job) const {
  if (!job.details || job.details->owner_uid.empty()) return false;
  const auto sight = kinds_.Of(CronJobsKind());
  if (!sight.watch) return false;
  const auto owners = sight.watch->informer.ByIndex(kWorkloadsByUid, job.details->owner_uid);
  return std::any_of(owners.begin(), owners.end(), [&](const auto& owner) {
    return !naming_(WorkloadIndexValue(owner->meta.ns, "CronJob", owner->meta.name)).empty() ||
           !Finding(*sight.watch->kind, *owner).empty();
  });
}

bool Roster::Finds(const api::AgentPool& pool, const workloads::Kind& kind,
                   const workloads::Workload& workload) const {
  const auto& selector = pool.spec.agent_selector;
  return selector && !pool.invalid && workload.meta.ns == pool.meta.ns && !workload.meta.deleting &&
         Selects(*selector, kind, workload) && !(kind.id() == "Job" && MadeByAnAgent(workload));
}

std::vector<PoolPointer> Roster::Finding(const workloads::Kind& kind,
                                         const workloads::Workload& workload) const {
  if (workload.labels.empty()) return {};
  auto pools = selecting_(workload.meta.ns);
  std::erase_if(pools, [&](const auto& pool) { return !Finds(*pool, kind, workload); });
  return pools;
}

PoolPointer Roster::Make(const api::AgentPool& pool) const {
  std::vector<FoundWorkload> found;
  bool pending = false;
  bool partial = false;
  for (const auto& reference : KindsOf(*pool.spec.agent_selector)) {
    const auto sight = kinds_.Of(reference);
    if (!sight.watch) {
      // One that is not served or not granted is told, and holds up nobody.
      pending = pending || sight.problem.reason.empty();
      partial = partial || sight.problem.reason == "KindNotListed";
      continue;
    }
    for (const auto& workload : sight.watch->informer.ByIndex(kLabelledWorkloads, pool.meta.ns)) {
      if (Finds(pool, *sight.watch->kind, *workload))
        found.push_back(FoundOf(*sight.watch->kind, *workload));
    }
  }
  auto whole = std::make_shared<api::AgentPool>(WithFound(pool, std::move(found)));
  whole->found.pending = pending;
  whole->found.partial = partial;
  return whole;
}

Roster::WholePointer Roster::Of(const PoolPointer& pool) const {
  const auto key = pool->meta.key();
  auto made = std::make_shared<Whole>();
  made->of = pool;
  {
    const std::lock_guard lock(mutex_);
    made->change = ChangeOf(key.ns);
    const auto known = wholes_.find(key);
    // While a kind is being listed, nobody tells when that has ended.
    if (known != wholes_.end() && known->second->of == pool &&
        known->second->change == made->change && !known->second->whole->found.pending &&
        !known->second->whole->found.partial)
      return known->second;
  }
  made->whole = Make(*pool);
  for (const auto& agent : made->whole->spec.agents) {
    made->agents.insert(AgentIndexValue(key.ns, agent.name));
    made->workloads.insert(WorkloadIndexValue(key.ns, agent.workload_ref));
    for (const auto& other : agent.others)
      made->workloads.insert(WorkloadIndexValue(key.ns, other));
  }
  for (const auto& agent : made->whole->found.unnamed)
    made->agents.insert(AgentIndexValue(key.ns, agent));
  const std::lock_guard lock(mutex_);
  wholes_[key] = made;
  return made;
}

PoolPointer Roster::With(const PoolPointer& pool) const {
  if (!pool || !pool->spec.agent_selector || pool->invalid) return pool;
  return Of(pool)->whole;
}

std::vector<PoolPointer> Roster::Naming(const std::string& ns, std::string_view index,
                                        const std::string& value) const {
  std::vector<PoolPointer> pools;
  for (const auto& pool : selecting_(ns)) {
    if (pool->invalid) continue;
    const auto of = Of(pool);
    const bool by_workload = index == kPoolsByWorkload;
    if (!(by_workload ? of->workloads : of->agents).contains(value)) continue;
    const auto in_spec = by_workload ? WorkloadIndexOf(*pool) : AgentIndexOf(*pool);
    if (std::find(in_spec.begin(), in_spec.end(), value) == in_spec.end())
      pools.push_back(of->whole);
  }
  return pools;
}

void Roster::Forget(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  wholes_.erase(pool);
}

}  // namespace purser::controllers
