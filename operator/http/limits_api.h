// GET /v1/limits/{namespace}/{pool}: the limits in force, as one document or as a stream of events.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "controllers/agent_pool/limits_document.h"
#include "http/router.h"
#include "kube/object/object_meta.h"

namespace purser::http {

// The limits of each pool as they were last published, and who follows them. Thread-safe.
class LiveLimits {
 public:
  static constexpr std::size_t kMostFollowers = 1'500;  // of all pools together
  static constexpr std::chrono::seconds kHeartbeat{15};

  explicit LiveLimits(Clock& clock);
  ~LiveLimits();
  LiveLimits(const LiveLimits&) = delete;
  LiveLimits& operator=(const LiveLimits&) = delete;

  // What a pool's limits are from now on; tells its followers if they are others than before.
  void Put(const controllers::Limits& limits);
  void Remove(const kube::ObjectKey& pool);  // its streams end

  // Needs the right to get agentlimits. What it adds points here.
  void AddTo(Router& router);

 private:
  struct Known {
    controllers::Limits limits;
    std::string document;
    std::string id;  // of the event
    std::vector<Reply> followers;
  };
  void Answer(Request& request, const Reply& reply);
  void Beat(const std::stop_token& stop);

  Clock& clock_;
  const std::string term_;  // ids of another term are others
  std::mutex mutex_;
  std::condition_variable_any never_;
  std::map<kube::ObjectKey, Known> pools_;
  std::size_t followers_ = 0;
  std::uint64_t number_ = 0;
  std::jthread thread_;
};

}  // namespace purser::http
