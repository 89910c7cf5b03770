// Publishes a pool's live limits in the ConfigMaps it names, so that agents and gateways can follow
// them.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/agent_pool.h"
#include "base/result.h"
#include "controllers/agent_step.h"
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

// Thread-safe. Writes only what changed: remembers what it wrote, and after a restart reads before
// it writes.
class LimitsPublisher {
 public:
  explicit LimitsPublisher(kube::Client& client) : client_(client) {}

  // Every target gets `document`; goes on after an error and returns the first.
  Status Publish(const api::AgentPool& pool, const std::string& document);
  void Forget(const api::ObjectKey& pool);

 private:
  Status PublishTo(const api::AgentPool& pool, const api::ConfigMapTarget& target,
                   const std::string& document);

  kube::Client& client_;
  std::mutex mutex_;
  // pool -> "configmap/key" -> document last written.
  std::unordered_map<api::ObjectKey, std::map<std::string, std::string>> written_;
};

}  // namespace purser::controllers
