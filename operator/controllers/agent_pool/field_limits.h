// A pool's live limit in a number of any object: lowered there while less is allowed, and what was
// there before restored.
#pragma once

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
#include "controllers/agent_pool/field_plan.h"
#include "controllers/agent_pool/limit_outcome.h"
#include "controllers/kind_watches.h"
#include "kube/client.h"

namespace purser::controllers {

// Thread-safe. Looks where the kinds are watched, so that nothing is asked while nothing changes;
// reads before each write, which is refused where the object changed meanwhile.
class FieldLimits {
 public:
  FieldLimits(kube::Client& client, const KindWatches& kinds) : client_(client), kinds_(kinds) {}

  // Makes the field the lower of what was there and `limit`; without a limit what was there. A
  // number that somebody else wrote meanwhile is what is restored later. `held`: what the pool's
  // status says is held, and then what is.
  LimitOutcome Set(const api::AgentPool& pool, const api::FieldTarget& target,
                   std::optional<std::int32_t> limit, std::optional<HeldField>& held,
                   const NamedBy& named_by, Timestamp now);

  // Where something is held, as far as is remembered.
  std::vector<api::FieldTarget> Remembered(const kube::ObjectKey& pool) const;
  void Forget(const kube::ObjectKey& pool);

 private:
  struct Known {
    std::optional<HeldField> held{};
    Contention contention{};
    bool undone = false;            // by somebody, which is counted already
    std::string refused{};          // why the last write was
    std::string refused_version{};  // of the object then
    std::string refused_set{};
    Timestamp refused_at{};
  };
  Known KnownOf(const kube::ObjectKey& pool, const api::FieldTarget& target,
                const std::optional<HeldField>& told) const;
  // Reads the object anew, and writes what is to be. What is held then.
  Result<std::optional<HeldField>> Write(const api::AgentPool& pool, const api::FieldTarget& target,
                                         KindWatch& watch, std::optional<std::int32_t> limit,
                                         const std::optional<HeldField>& held,
                                         const NamedBy& named_by);

  kube::Client& client_;
  const KindWatches& kinds_;
  mutable std::mutex mutex_;
  std::unordered_map<kube::ObjectKey, std::map<api::FieldTarget, Known>> known_;  // by pool
};

}  // namespace purser::controllers
