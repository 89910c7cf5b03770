// The agents of a pool: those that its spec names, and those that its selector finds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_pool.h"
#include "controllers/agent_budget/scope.h"
#include "controllers/kind_watches.h"
#include "kube/object/object_meta.h"
#include "workloads/workload.h"

namespace purser::controllers {

// Names the agent that a workload belongs to.
inline constexpr const char* kAgentLabel = "purser.dev/agent";

// A workload that a selector finds.
struct FoundWorkload {
  std::string agent;
  bool named = false;     // by its label, not after the workload
  bool finished = false;  // it runs never again
  api::WorkloadRef reference;
};

// The agent that a workload is, or is of.
FoundWorkload FoundOf(const workloads::Kind& kind, const workloads::Workload& workload);

// Whether a selector's labels and kinds are those of the workload.
bool Selects(const api::AgentSelector& selector, const workloads::Kind& kind,
             const workloads::Workload& workload);

// `pool` with what its selector found: workloads of an agent of the spec join it, others are agents
// of their own, by name, those that run before those that are finished; more than there is room for
// are one agent together, api::kOtherAgents. `found` in any order.
api::AgentPool WithFound(const api::AgentPool& pool, std::vector<FoundWorkload> found);

// The kinds of a selector, as references without names.
std::vector<api::WorkloadRef> KindsOf(const api::AgentSelector& selector);

// Thread-safe. What its arguments refer to must outlive it.
class Roster {
 public:
  // `pools_by_workload`: the pools that name a workload in their spec; `selecting`: those of a
  // namespace that have a selector.
  using Pools = std::function<std::vector<PoolPointer>(const std::string& value)>;
  Roster(const KindWatches& kinds, Pools naming, Pools selecting);

  // The pool with the agents its selector finds now; itself where it has none, and null for null.
  PoolPointer With(const PoolPointer& pool) const;

  // Those of a namespace, with the agents that their selectors find, that name this workload or
  // agent only by their selector. `index`: kPoolsByWorkload or kPoolsByAgent; `value`: one of its
  // values.
  std::vector<PoolPointer> Naming(const std::string& ns, std::string_view index,
                                  const std::string& value) const;

  // Whether the selector of `pool` finds this workload, which is not about to go.
  bool Finds(const api::AgentPool& pool, const workloads::Kind& kind,
             const workloads::Workload& workload) const;
  // The pools of its namespace, as they were read, whose selectors find it.
  std::vector<PoolPointer> Finding(const workloads::Kind& kind,
                                   const workloads::Workload& workload) const;

  // A workload with this label or that has come, gone or changed: what was found in its namespace
  // is looked for anew.
  void Changed(const std::string& ns);
  void Forget(const kube::ObjectKey& pool);

 private:
  struct Whole {
    PoolPointer of;  // as it was read
    PoolPointer whole;
    std::set<std::string> workloads;  // values of kPoolsByWorkload
    std::set<std::string> agents;     // values of kPoolsByAgent
    std::uint64_t change = 0;         // the last of its namespace before it was made
  };
  using WholePointer = std::shared_ptr<const Whole>;
  std::uint64_t ChangeOf(const std::string& ns) const;
  WholePointer Of(const PoolPointer& pool) const;
  bool MadeByAnAgent(const workloads::Workload& job) const;
  PoolPointer Make(const api::AgentPool& pool) const;

  const KindWatches& kinds_;
  const Pools naming_;
  const Pools selecting_;
  mutable std::mutex mutex_;
  mutable std::map<kube::ObjectKey, WholePointer> wholes_;
  std::map<std::string, std::uint64_t> changes_;  // by namespace
  std::uint64_t change_ = 0;
};

}  // namespace purser::controllers
