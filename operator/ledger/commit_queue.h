// Joins the batches of several callers: while one transaction waits for the disk, the next ones
// gather, and share theirs.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "ledger/store.h"

namespace purser::ledger {

// Thread-safe.
class CommitQueue {
 public:
  // As many batches share a transaction at most.
  static constexpr std::size_t kMostTogether = 64;
  // Commits the batches and returns what became of each. Called by one thread at a time, one of
  // those inside Commit, without any lock of the queue.
  using CommitGroup = std::function<std::vector<Status>(std::vector<Batch>& batches)>;

  explicit CommitQueue(CommitGroup commit) : commit_(std::move(commit)) {}

  // Returns when the batch has been committed, or has failed. Those of one caller keep their order.
  Status Commit(Batch batch);

 private:
  struct Waiting {
    Batch batch;
    bool done = false;
    Status status = Ok();
  };
  void CommitNextGroup(std::unique_lock<std::mutex>& lock);

  const CommitGroup commit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> queue_;  // each lives on its caller's stack
  bool committing_ = false;
};

}  // namespace purser::ledger
