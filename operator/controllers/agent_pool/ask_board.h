// What pools ask of workloads that several of them name: the lower ask wins.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "kube/object/object_meta.h"
#include "workloads/workload_plan.h"

namespace purser::controllers {

// Thread-safe. Memory only: filled again as the pools are reconciled.
class AskBoard {
 public:
  // `workload`: as of WorkloadIndexValue. Whether it is another ask than before.
  bool Put(const std::string& workload, const kube::ObjectKey& pool, workloads::OtherAsk ask);
  // Nothing: that pool has not been reconciled yet.
  std::optional<workloads::OtherAsk> Get(const std::string& workload,
                                         const kube::ObjectKey& pool) const;
  void Remove(const kube::ObjectKey& pool);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::map<kube::ObjectKey, workloads::OtherAsk>> by_workload_;
};

}  // namespace purser::controllers
