// A pool's limits in ConfigMaps: written where they differ, left alone where something else is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "controllers/agent_pool/contention.h"
#include "controllers/agent_pool/limit_outcome.h"
#include "controllers/agent_pool/limits_document.h"
#include "controllers/limits_map.h"
#include "kube/client.h"
#include "kube/informer.h"

namespace purser::controllers {

// What is not watched is read again this often: what was refused, and all where ConfigMaps may not
// be listed.
inline constexpr std::chrono::minutes kVerifyLimitsEvery{1};

// Thread-safe.
class ConfigMapLimits {
 public:
  using Cache = kube::Informer<LimitsMap>;

  // `cache`: of those with kPoolLabel; null, or not listed (yet): they are read. It must outlive
  // this.
  ConfigMapLimits(kube::Client& client, Cache* cache) : client_(client), cache_(cache) {}

  // A key that holds something else than limits, or those of another pool that names it too, is
  // left alone and told. `valid_seconds`: see LimitTarget.
  LimitOutcome Publish(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                       const Limits& limits, std::optional<std::int32_t> valid_seconds,
                       const NamedBy& named_by, Timestamp now);
  // Limits of this pool become the unlimited ones, for ever.
  LimitOutcome Restore(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                       Timestamp now);

  // Where it has published or tried to, as far as is remembered.
  std::vector<api::ConfigMapTarget> Remembered(const kube::ObjectKey& pool) const;
  void Forget(const kube::ObjectKey& pool);

 private:
  struct Held {
    bool watched = false;
    std::string resource_version;  // empty: there is no such ConfigMap
    bool has_key = false;
    std::optional<HeldLimits> limits;  // under the key
  };
  struct Known {
    std::size_t digest = 0;  // of what was asked
    Timestamp at;            // when it was last read or written
    std::string problem;     // of that time
    std::string version;     // of the ConfigMap that was watched then
    bool ours = false;       // it held our limits then
    Contention contention{};
  };
  // Empty: it is not watched.
  std::string WatchedVersion(const kube::ObjectKey& key) const;
  Result<Held> Look(const std::string& ns, const api::ConfigMapTarget& target);
  Status Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
               const std::string& document, const std::string& resource_version);
  Known KnownOf(const kube::ObjectKey& pool, const api::ConfigMapTarget& target) const;
  void Know(const kube::ObjectKey& pool, const api::ConfigMapTarget& target, Known known);

  kube::Client& client_;
  Cache* const cache_;
  mutable std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::map<api::ConfigMapTarget, Known>> known_;  // by pool
};

}  // namespace purser::controllers
