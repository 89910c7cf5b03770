#include "controllers/agent_pool/ask_board.h"

#include <iterator>
#include <utility>

namespace purser::controllers {

bool AskBoard::Put(const std::string& workload, const kube::ObjectKey& pool,
                   workloads::OtherAsk ask) {
  const std::lock_guard lock(mutex_);
  auto& asks = by_workload_[workload];
  const auto found = asks.find(pool);
  if (found != asks.end() && found->second == ask) return false;
  asks[pool] = std::move(ask);
  return true;
}

std::optional<workloads::OtherAsk> AskBoard::Get(const std::string& workload,
                                                 const kube::ObjectKey& pool) const {
  const std::lock_guard lock(mutex_);
  const auto asks = by_workload_.find(workload);
  if (asks == by_workload_.end()) return std::nullopt;
  const auto found = asks->second.find(pool);
  return found == asks->second.end() ? std::nullopt : std::optional(found->second);
}

void AskBoard::Remove(const kube::ObjectKey& pool) {
  const std::lock_guard lock(mutex_);
  for (auto entry = by_workload_.begin(); entry != by_workload_.end();) {
    entry->second.erase(pool);
    entry = entry->second.empty() ? by_workload_.erase(entry) : std::next(entry);
  }
}

}  // namespace purser::controllers
