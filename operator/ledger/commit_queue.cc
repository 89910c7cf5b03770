#include "ledger/commit_queue.h"

#include <algorithm>
#include <utility>

namespace purser::ledger {

Status CommitQueue::Commit(Batch batch) {
  Waiting mine{.batch = std::move(batch)};
  std::unique_lock lock(mutex_);
  queue_.push_back(&mine);
  // Whoever finds nobody committing commits for all that wait.
  while (!mine.done) {
    if (committing_) {
      changed_.wait(lock);
    } else {
      CommitNextGroup(lock);
    }
  }
  return std::move(mine.status);
}

void CommitQueue::CommitNextGroup(std::unique_lock<std::mutex>& lock) {
  committing_ = true;
  const std::size_t size = std::min(queue_.size(), kMostTogether);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(size);
  const std::vector<Waiting*> group(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  lock.unlock();

  std::vector<Batch> batches;
  batches.reserve(size);
  for (Waiting* waiting : group) batches.push_back(std::move(waiting->batch));
  std::vector<Status> results = commit_(batches);

  lock.lock();
  committing_ = false;
  for (std::size_t i = 0; i < size; ++i) {
    group[i]->status = std::move(results[i]);
    group[i]->done = true;
  }
  changed_.notify_all();
}

}  // namespace purser::ledger
