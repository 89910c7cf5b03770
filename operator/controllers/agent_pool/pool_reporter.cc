#include "controllers/agent_pool/pool_reporter.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "api/codec.h"
#include "controllers/agent_budget/budget_reporter.h"
#include "controllers/agent_pool/pool_status.h"
#include "controllers/agent_pool/saved_status.h"
#include "controllers/conditions.h"
#include "controllers/resources.h"

namespace purser::controllers {

namespace {

// Whether something is taken of a workload that was not, or more than was.
bool HoldsMore(const api::AgentPoolStatus& before, const api::AgentPoolStatus& after) {
  std::map<std::string, std::int32_t> held;  // by uid: what we set
  const auto each = [](const api::AgentPoolStatus& status, auto&& function) {
    for (const auto& agent : status.agents) {
      if (agent.saved_replicas) function(agent.workload_uid, agent.set_replicas.value_or(0));
      for (const auto& taken : agent.workloads) function(taken.uid, taken.set_replicas);
    }
  };
  each(before, [&](const std::string& uid, std::int32_t set) { held.emplace(uid, set); });
  bool more = false;
  each(after, [&](const std::string& uid, std::int32_t set) {
    const auto known = held.find(uid);
    more = more || known == held.end() || set < known->second;
  });
  return more;
}

}  // namespace

PoolReporter::PoolReporter(Caches& caches, kube::Client& client, kube::EventRecorder& events,
                           KeyQueue& queue, const KeyQueue& pools)
    : caches_(caches), client_(client), events_(events), queue_(queue), pools_(pools) {}

void PoolReporter::QueueStatus(const PoolPointer& pool, api::AgentPoolStatus status,
                               const std::string& message) {
  const auto key = pool->meta.key();
  const bool due = WorthWriting(pool->status, status);
  const bool holds_more = HoldsMore(pool->status, status);
  {
    const std::lock_guard lock(mutex_);
    const auto told = due_.find(key);
    const auto& before = told == due_.end() ? pool->status : told->second;
    if (WorthWriting(before, status)) RecordEvents(*pool, before, status, message);
    if (due) {
      due_[key] = std::move(status);
    } else if (told != due_.end()) {
      due_.erase(told);
    }
  }
  if (!due) return;
  // The fence knows what is held by the status alone. While others wait to be scaled, the API
  // server is theirs.
  if (pool->status.state.empty() || (holds_more && pools_.Length() == 0)) {
    queue_.Add(key, kube::Priority::kHigh);
  } else {
    queue_.AddAfter(key, kReportAfter, kube::Priority::kHigh);
  }
}

Status PoolReporter::Report(const kube::ObjectKey& key) {
  const auto pool = caches_.pools.Get(key);
  if (!pool || pool->meta.deleting) return Ok();
  const std::lock_guard writing(WriteMutexOf(key));
  api::AgentPoolStatus status;
  {
    const std::lock_guard lock(mutex_);
    const auto due = due_.find(key);
    if (due == due_.end()) return Ok();
    status = due->second;
  }
  PURSER_RETURN_IF_ERROR(Write(*pool, status));
  const std::lock_guard lock(mutex_);
  // A newer one has been queued of its own.
  if (const auto due = due_.find(key); due != due_.end() && due->second == status) due_.erase(due);
  return Ok();
}

std::mutex& PoolReporter::WriteMutexOf(const kube::ObjectKey& key) {
  return write_mutexes_[std::hash<kube::ObjectKey>{}(key) % write_mutexes_.size()];
}

Status PoolReporter::Write(const api::AgentPool& pool, const api::AgentPoolStatus& status) {
  const auto key = pool.meta.key();
  const auto answer =
      client_.Apply(kube::ObjectPath(PoolType(), key, "status"), StatusDocument(pool, status));
  if (!answer) {
    if (answer.error().code() == ErrorCode::kNotFound) return Ok();
    return answer.error().WithContext("AgentPool " + key.ToString());
  }
  ObserveAnswer(caches_.pools, *answer,
                [](simdjson::dom::element object) { return api::DecodeAgentPool(object); });
  return Ok();
}

Status PoolReporter::Remember(const PoolPointer& pool, const std::string& agent,
                              const api::WorkloadRef& of, const workloads::Saved& saved) {
  const auto key = pool->meta.key();
  const std::lock_guard writing(WriteMutexOf(key));
  const auto current = caches_.pools.Get(key);
  api::AgentPoolStatus status = current ? current->status : pool->status;
  auto entry = std::find_if(status.agents.begin(), status.agents.end(),
                            [&](const auto& one) { return one.name == agent; });
  if (entry == status.agents.end()) {
    status.agents.emplace_back().name = agent;
    entry = std::prev(status.agents.end());
  }
  const auto before = *entry;
  // Of several workloads the first is told by the entry itself, too.
  const bool first = !entry->saved_replicas || entry->workload_uid == saved.workload_uid;
  if (first) PutSaved(saved, of, *entry);
  if (!first || !entry->workloads.empty()) {
    auto& all = entry->workloads;
    std::erase_if(all, [&](const auto& one) { return one.uid == saved.workload_uid; });
    all.push_back(TakenOf(saved, of));
  }
  if (*entry == before) return Ok();
  return Write(*pool, status);
}

Status PoolReporter::RememberTargets(const PoolPointer& pool) {
  const auto key = pool->meta.key();
  const std::lock_guard writing(WriteMutexOf(key));
  const auto current = caches_.pools.Get(key);
  api::AgentPoolStatus status = current ? current->status : pool->status;
  bool added = false;
  for (const auto& target : pool->spec.limit_targets) {
    const bool told = std::any_of(status.limit_targets.begin(), status.limit_targets.end(),
                                  [&](const auto& one) { return one.place() == target.place(); });
    if (told) continue;
    auto& entry = status.limit_targets.emplace_back();
    entry.config_map = target.config_map;
    entry.field = target.field;
    entry.webhook = target.webhook;
    added = true;
  }
  return added ? Write(*pool, status) : Ok();
}

void PoolReporter::Forget(const kube::ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  due_.erase(key);
}

void PoolReporter::RecordEvents(const api::AgentPool& pool, const api::AgentPoolStatus& before,
                                const api::AgentPoolStatus& after, const std::string& message) {
  const bool first = before.state.empty();
  if (before.state != after.state || (!first && before.max_concurrency != after.max_concurrency)) {
    const bool worse =
        after.state != "Normal" && after.state != "Audit" && after.state != "Ramping";
    if (!first || worse) {
      events_.Record(ReferenceTo(pool),
                     worse ? kube::EventType::kWarning : kube::EventType::kNormal, after.state,
                     "Reconcile", message);
    }
  }
  RecordRunaways(pool, before, after);
  for (const char* type :
       {"StillSpending", "WorkloadsResolved", "LimitsPublished", "ActuatorContention"}) {
    const auto* was = FindCondition(before.conditions, type);
    const auto* is = FindCondition(after.conditions, type);
    if (is == nullptr || (was != nullptr && was->status == is->status)) continue;
    const bool bad_when_true =
        std::string_view(type) == "ActuatorContention" || std::string_view(type) == "StillSpending";
    const bool bad = (is->status == "True") == bad_when_true;
    if (was == nullptr && !bad) continue;
    events_.Record(ReferenceTo(pool), bad ? kube::EventType::kWarning : kube::EventType::kNormal,
                   is->reason, "Reconcile", is->message);
  }
}

// One for each rule that is broken by more than before, and one when none is any more.
void PoolReporter::RecordRunaways(const api::AgentPool& pool, const api::AgentPoolStatus& before,
                                  const api::AgentPoolStatus& after) {
  for (const auto& rule : after.runaway) {
    const auto was = std::find_if(before.runaway.begin(), before.runaway.end(),
                                  [&](const auto& one) { return one.rule == rule.rule; });
    const bool known =
        was != before.runaway.end() &&
        (was->agents.empty() ||
         (!rule.agents.empty() && std::includes(was->agents.begin(), was->agents.end(),
                                                rule.agents.begin(), rule.agents.end())));
    if (known) continue;
    const auto* condition = FindCondition(after.conditions, "RunawayDetected");
    events_.Record(ReferenceTo(pool), kube::EventType::kWarning, "RunawayDetected", rule.rule,
                   after.runaway.size() == 1 && condition != nullptr
                       ? condition->message
                       : rule.rule + ": " + rule.message);
  }
  if (!before.runaway.empty() && after.runaway.empty()) {
    events_.Record(ReferenceTo(pool), kube::EventType::kNormal, "RunawayEnded", "Reconcile",
                   "no rule of spec.runaway is broken any more");
  }
}

}  // namespace purser::controllers
