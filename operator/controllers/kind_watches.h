// Watches of the kinds of workloads: of apps always, of others while a pool names them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "api/agent_pool.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "workloads/kind.h"
#include "workloads/workload.h"

namespace purser::controllers {

// Workloads by the pool that took from them, "ns/pool".
inline constexpr const char* kWorkloadsByPool = "saved-pool";
// By the uid of their controlling owner; not of apps.
inline constexpr const char* kWorkloadsByOwner = "owner";
// By namespace; of kinds that agentSelector looks for, those with labels alone.
inline constexpr const char* kLabelledWorkloads = "namespace";
// By their own uid; of CronJobs alone.
inline constexpr const char* kWorkloadsByUid = "uid";

struct KindWatch {
  workloads::KindPointer kind;
  kube::Informer<workloads::Workload> informer;
};
using KindWatchPointer = std::shared_ptr<KindWatch>;
using WorkloadPointer = kube::Informer<workloads::Workload>::Pointer;

// A workload's kind: a reference without a name.
api::WorkloadRef KindOf(api::WorkloadRef reference);
// "Deployment researcher", "Sandbox.agents.x-k8s.io researcher".
std::string NameOf(const api::WorkloadRef& reference);

// A CronJob's Jobs are agents with it.
const api::WorkloadRef& JobsKind();
const api::WorkloadRef& CronJobsKind();

// The kind that is watched for a field that a pool limits: its objects are no workloads, and their
// details say what stands at the field.
api::WorkloadRef FieldKindOf(const api::FieldTarget& target);
bool IsFieldKind(const workloads::Kind& kind);

// Why a kind's workloads are not known.
struct KindProblem {
  std::string reason;   // of a condition; empty: none
  std::string message;  // with the way out
  bool operator==(const KindProblem&) const = default;
};

// Thread-safe once started. `client` must outlive it.
class KindWatches {
 public:
  using Handler = std::function<void(const workloads::Kind& kind, const WorkloadPointer& before,
                                     const WorkloadPointer& after)>;
  using OnSight = std::function<void(const kube::ObjectKey& pool)>;
  // Watches the kind; may be asked to leave managedFields in.
  using MakeOptions = std::function<kube::InformerOptions(const std::string& what)>;

  KindWatches(kube::Client& client, std::vector<std::string> namespaces, MakeOptions options);
  ~KindWatches();
  KindWatches(const KindWatches&) = delete;
  KindWatches& operator=(const KindWatches&) = delete;

  // Before Start. `handler` hears of changes of every kind; `on_sight` of the pools that name a
  // kind whose Sight has become another. From threads of its own.
  void AddHandler(Handler handler);
  void SetOnSight(OnSight on_sight);

  void Start();
  void Stop();

  // What the pool names now, instead of what it did; nothing: it is gone. A kind is watched from
  // its first pool to its last. No I/O.
  void Name(const kube::ObjectKey& pool, const std::set<api::WorkloadRef>& kinds);

  // What is known of a kind. Neither: it is being looked for. Both: what was known before.
  struct Sight {
    KindWatchPointer watch;
    KindProblem problem;
  };
  Sight Of(const api::WorkloadRef& reference) const;

  const KindWatchPointer& deployments() const { return deployments_; }
  const KindWatchPointer& stateful_sets() const { return stateful_sets_; }
  // All whose workloads are watched now and have been listed; none that is watched for a field.
  std::vector<KindWatchPointer> All() const;

 private:
  struct Entry {
    std::set<kube::ObjectKey> pools;
    KindWatchPointer watch;
    KindProblem problem;  // of looking for it
    std::chrono::steady_clock::time_point next_look{};
    int failures = 0;
    bool told_synced = false;
    KindProblem told;
  };
  KindWatchPointer Watch(const workloads::KindPointer& kind);
  void Run(const std::stop_token& stop);
  // Until when nothing is to do; nothing: until something changes.
  std::optional<std::chrono::steady_clock::time_point> Step(const std::stop_token& stop);
  void EndUnnamed();
  void LookFor(const api::WorkloadRef& kind, const std::stop_token& stop);
  std::optional<std::chrono::steady_clock::time_point> TellSights();
  KindProblem ProblemOf(const Entry& entry) const;
  void Wake();

  kube::Client& client_;
  const std::vector<std::string> namespaces_;
  const MakeOptions options_;
  std::vector<Handler> handlers_;
  OnSight on_sight_;
  KindWatchPointer deployments_;
  KindWatchPointer stateful_sets_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool dirty_ = false;
  std::map<kube::ObjectKey, std::set<api::WorkloadRef>> named_;
  std::map<api::WorkloadRef, Entry> entries_;
  std::jthread thread_;
};

}  // namespace purser::controllers
