// Publishes a pool's live limits in the ConfigMaps it names, so that agents and
// gateways can follow them, and restores them there.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_pool/limits_document.h"
#include "kube/client.h"

namespace purser::controllers {

// On every ConfigMap that holds limits: the pool, cut to what a label may hold.
inline constexpr const char* kPoolLabel = "purser.dev/pool";
std::string PoolLabelOf(const std::string& pool);

// A ConfigMap is not watched: what it holds is read again this often, so that
// limits that somebody deleted or edited come back.
inline constexpr std::chrono::minutes kVerifyLimitsEvery{1};

// What became of the targets of a pool.
struct TargetsReport {
  std::vector<api::LimitTargetStatus> targets;  // of the spec, and former ones not restored yet
  Status retry = Ok();  // an error that is worth another try soon; the problems
                        // say all of them
};

// Thread-safe. Writes only what differs: what it wrote or read lately is
// remembered, else it reads before it writes. A key that holds something else
// than limits, or those of another pool that names it too, is left alone and
// told.
class LimitsPublisher {
 public:
  // Whether another pool of the namespace, not this one, names the target.
  using NamedBy = std::function<bool(const std::string& pool, const api::ConfigMapTarget& target)>;

  explicit LimitsPublisher(kube::Client& client) : client_(client) {}

  // Every target gets `limits`; those that got some before, as the status or
  // memory tells, and are targets no longer, the unlimited ones.
  TargetsReport Publish(const api::AgentPool& pool, const Limits& limits, const NamedBy& named_by,
                        Timestamp now);
  // Every ConfigMap that holds limits of this pool gets the unlimited ones.
  // What cannot be restored is told in the problems; only what a retry may mend
  // is in `retry`.
  TargetsReport Restore(const api::AgentPool& pool, Timestamp now);
  void Forget(const kube::ObjectKey& pool);

 private:
  struct Held {
    bool exists = false;
    std::string resource_version;
    std::optional<std::string> text;  // under the key
  };
  Result<Held> Read(const std::string& ns, const api::ConfigMapTarget& target);
  // The problem, or nothing; `retry`: whether another try soon may mend it.
  std::optional<Error> PublishTo(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                                 const Limits& limits, const NamedBy& named_by, Timestamp now);
  std::optional<Error> RestoreAt(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                                 Timestamp now);
  Status Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
               const std::string& document, const std::string& resource_version);
  std::vector<api::ConfigMapTarget> FormerTargets(const api::AgentPool& pool);
  void Restore(const api::AgentPool& pool, const std::vector<api::ConfigMapTarget>& targets,
               Timestamp now, TargetsReport& report);

  kube::Client& client_;
  std::mutex mutex_;
  struct Known {
    Limits limits;
    std::chrono::steady_clock::time_point at;  // when it was last seen or written
  };
  std::unordered_map<kube::ObjectKey, std::map<api::ConfigMapTarget, Known>> known_;  // by pool
};

}  // namespace purser::controllers
