#include "controllers/agent_pool/saved_status.h"

#include "base/time_text.h"

namespace purser::controllers {

void PutSaved(const std::optional<workloads::Saved>& saved, const api::WorkloadRef& of,
              api::AgentPoolAgentStatus& status) {
  status.saved_replicas.reset();
  status.set_replicas.reset();
  status.saved_at.clear();
  status.workload_uid.clear();
  status.workload.reset();
  status.saved_value.clear();
  if (!saved) return;
  status.saved_replicas = saved->replicas;
  status.set_replicas = saved->set;
  if (saved->at != Timestamp{}) status.saved_at = FormatUtc(saved->at);
  status.workload_uid = saved->workload_uid;
  status.saved_value = saved->value;
  // Those of apps are known by their uid.
  if (of.api_version != api::WorkloadRef().api_version) status.workload = of;
}

api::TakenWorkload TakenOf(const workloads::Saved& saved, const api::WorkloadRef& of) {
  return {of,
          saved.workload_uid,
          saved.replicas,
          saved.set,
          saved.at == Timestamp{} ? "" : FormatUtc(saved.at),
          saved.value};
}

workloads::Saved SavedOf(const api::AgentPool& pool, const api::TakenWorkload& taken) {
  workloads::Saved saved;
  saved.replicas = taken.saved_replicas;
  saved.set = taken.set_replicas;
  saved.pool = pool.meta.name;
  saved.pool_uid = pool.meta.uid;
  saved.workload_uid = taken.uid;
  saved.value = taken.saved_value;
  saved.at = ParseRfc3339(taken.saved_at).value_or(Timestamp{});
  return saved;
}

std::optional<workloads::Saved> SavedOf(const api::AgentPool& pool,
                                        const api::AgentPoolAgentStatus& status) {
  if (!status.saved_replicas) return std::nullopt;
  workloads::Saved saved;
  saved.replicas = *status.saved_replicas;
  // Of a version that did not write it: what it took stands as it is.
  saved.set = status.set_replicas.value_or(status.replicas);
  saved.pool = pool.meta.name;
  saved.pool_uid = pool.meta.uid;
  saved.workload_uid = status.workload_uid;
  saved.value = status.saved_value;
  saved.at = ParseRfc3339(status.saved_at).value_or(Timestamp{});
  return saved;
}

}  // namespace purser::controllers
