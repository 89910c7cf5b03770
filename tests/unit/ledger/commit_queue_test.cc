#include "ledger/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <map>
#include <thread>

namespace purser::ledger {
namespace {

Batch Of(const std::string& source, std::int64_t number = 0) {
  Batch batch;
  batch.source = source;
  batch.complete_until = Timestamp(Duration(number));
  return batch;
}

TEST(CommitQueue, ThoseThatCameMeanwhileShareATransaction) {
  constexpr int kCallers = 5;
  std::latch first_inside(1);
  std::latch go_on(1);
  std::vector<std::size_t> groups;
  CommitQueue queue([&](std::vector<Batch>& batches) {
    groups.push_back(batches.size());
    if (groups.size() == 1) {
      first_inside.count_down();
      go_on.wait();
    }
    return std::vector<Status>(batches.size(), Ok());
  });
  std::atomic<int> begun = 0;
  std::vector<std::jthread> callers;
  callers.emplace_back([&] { EXPECT_TRUE(queue.Commit(Of("first")).ok()); });
  first_inside.wait();
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      ++begun;
      EXPECT_TRUE(queue.Commit(Of("later")).ok());
    });
  }
  while (begun < kCallers) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until they wait in the queue
  go_on.count_down();
  callers.clear();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[1], static_cast<std::size_t>(kCallers));
}

TEST(CommitQueue, EachHearsWhatBecameOfItsOwn) {
  CommitQueue queue([](std::vector<Batch>& batches) {
    std::vector<Status> results;
    for (const auto& batch : batches)
      results.push_back(batch.source == "bad" ? Status(Error(ErrorCode::kInternal, "no")) : Ok());
    return results;
  });
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&queue, i] {
      for (int n = 0; n < 200; ++n)
        EXPECT_EQ(queue.Commit(Of(i % 2 != 0 ? "bad" : "good")).ok(), i % 2 == 0);
    });
  }
}

TEST(CommitQueue, OneCallersBatchesKeepTheirOrderAndNoneIsLost) {
  std::map<std::string, std::int64_t> last;
  std::size_t largest = 0;
  CommitQueue queue([&](std::vector<Batch>& batches) {
    largest = std::max(largest, batches.size());
    for (const auto& batch : batches) {
      const auto number = batch.complete_until->time_since_epoch().count();
      EXPECT_EQ(number, last[batch.source] + 1);
      last[batch.source] = number;
    }
    return std::vector<Status>(batches.size(), Ok());
  });
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&queue, i] {
      for (int n = 1; n <= 500; ++n)
        EXPECT_TRUE(queue.Commit(Of("source-" + std::to_string(i), n)).ok());
    });
  }
  callers.clear();
  for (const auto& [source, number] : last) EXPECT_EQ(number, 500) << source;
  EXPECT_LE(largest, CommitQueue::kMostTogether);
}

}  // namespace
}  // namespace purser::ledger
