// Publishes a pool's live limits in the ConfigMaps it names, so that agents and gateways can follow
// them.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_pool.h"
#include "base/result.h"
#include "controllers/agent_pool/agent_step.h"
#include "kube/client.h"

namespace purser::controllers {

struct PublishedAgent {
  std::string name;
  std::string state;
  std::int32_t concurrency = 0;
};

// The document under the ConfigMap's key: stable text, the same as long as the limits are the same.
// {"pool":…,"state":…,"maxConcurrency":8,"agents":{"researcher":{"state":…,"maxConcurrency":8}}}
std::string LimitsDocument(const api::AgentPool& pool, const std::string& state,
                           std::int32_t concurrency, const std::vector<PublishedAgent>& agents);

// The same while nothing is short: what is published of a pool that is no longer governed, so that
// who follows it may work again.
std::string OpenLimitsDocument(const api::AgentPool& pool);

// A ConfigMap is not watched: what it holds is read again this often, so that limits that somebody
// deleted or edited come back.
inline constexpr std::chrono::minutes kVerifyLimitsEvery{1};

// Thread-safe. Writes only what differs: what it wrote or read lately is remembered, else it reads
// before it writes.
class LimitsPublisher {
 public:
  explicit LimitsPublisher(kube::Client& client) : client_(client) {}

  // Every target gets `document`, and those that got one before and are targets no longer the open
  // limits; goes on after an error and returns the first.
  Status Publish(const api::AgentPool& pool, const std::string& document);
  // Every ConfigMap that holds limits of this pool gets the open ones; one that has none is left
  // alone.
  Status Open(const api::AgentPool& pool);
  void Forget(const kube::ObjectKey& pool);

 private:
  Status PublishTo(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                   const std::string& document);
  Status OpenAll(const api::AgentPool& pool, const std::vector<api::ConfigMapTarget>& targets);
  Status OpenAt(const api::AgentPool& pool, const api::ConfigMapTarget& target);
  Status Write(const api::AgentPool& pool, const api::ConfigMapTarget& target,
               const std::string& document);
  std::vector<api::ConfigMapTarget> FormerTargets(const api::AgentPool& pool);

  kube::Client& client_;
  std::mutex mutex_;
  struct Known {
    std::string document;
    std::chrono::steady_clock::time_point at;  // when it was last seen or written
  };
  std::unordered_map<kube::ObjectKey, std::map<api::ConfigMapTarget, Known>> known_;  // by pool
};

}  // namespace purser::controllers
