#include "kube/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>
#include <thread>

#include "support/clocks.h"

namespace purser::kube {
namespace {

using std::chrono::milliseconds;
using Queue = WorkQueue<std::string>;

class WorkQueueTest : public testing::Test {
 protected:
  // What is ready, in order, without waiting.
  std::vector<std::string> Drain(bool done = true) {
    std::vector<std::string> keys;
    while (queue_.Length() > 0) {
      keys.push_back(*queue_.Get({}));
      if (done) queue_.Done(keys.back());
    }
    return keys;
  }
  // The next key within a second.
  std::optional<std::string> GetSoon(milliseconds within = milliseconds(1000)) {
    std::stop_source stop;
    auto key = std::async(std::launch::async, [&] { return queue_.Get(stop.get_token()); });
    if (key.wait_for(within) != std::future_status::ready) stop.request_stop();
    return key.get();
  }

  support::FakeClock clock_{Timestamp(std::chrono::seconds(1'000'000))};
  Queue queue_{clock_};
};

TEST_F(WorkQueueTest, GivesEachKeyOnceInOrder) {
  for (const char* key : {"a", "b", "a", "c", "b"}) queue_.Add(key);
  EXPECT_EQ(queue_.Length(), 3U);
  EXPECT_THAT(Drain(), testing::ElementsAre("a", "b", "c"));
}

TEST_F(WorkQueueTest, HighComesFirstAndRaisesWhatWaits) {
  queue_.Add("low1");
  queue_.Add("low2");
  queue_.Add("high", Priority::kHigh);
  queue_.Add("low2", Priority::kHigh);
  queue_.Add("high", Priority::kLow);  // does not lower
  EXPECT_EQ(queue_.Length(), 3U);
  EXPECT_THAT(Drain(), testing::ElementsAre("high", "low2", "low1"));
}

TEST_F(WorkQueueTest, LowIsNotStarved) {
  for (int i = 0; i < 100; ++i) queue_.Add("high" + std::to_string(i), Priority::kHigh);
  queue_.Add("low");
  const auto keys = Drain();
  const auto place = std::find(keys.begin(), keys.end(), "low") - keys.begin();
  EXPECT_EQ(place, 16);
}

TEST_F(WorkQueueTest, AKeyAddedWhileHeldComesOnceMore) {
  queue_.Add("a");
  ASSERT_EQ(queue_.Get({}), "a");
  queue_.Add("a");
  queue_.Add("a", Priority::kHigh);
  EXPECT_EQ(queue_.Length(), 0U);
  queue_.Add("b", Priority::kLow);
  queue_.Done("a");
  EXPECT_THAT(Drain(), testing::ElementsAre("a", "b"));
}

TEST_F(WorkQueueTest, DoneOfAKeyNotHeldDoesNothing) {
  queue_.Done("x");
  queue_.Add("a");
  queue_.Done("a");
  EXPECT_THAT(Drain(), testing::ElementsAre("a"));
}

TEST_F(WorkQueueTest, RaisedKeysDoNotComeTwice) {
  for (int round = 0; round < 3; ++round) {
    queue_.Add("a");
    queue_.Add("a", Priority::kHigh);
    ASSERT_EQ(queue_.Get({}), "a");
    queue_.Add("a");
    queue_.Done("a");
    EXPECT_THAT(Drain(), testing::ElementsAre("a"));
  }
}

TEST_F(WorkQueueTest, DelaysRunOnTheInjectedClock) {
  queue_.AddAt("later", clock_.Now() + milliseconds(5000));
  queue_.AddAt("a", clock_.Now() + milliseconds(2000));
  queue_.AddAt("a", clock_.Now() + milliseconds(1000));
  queue_.AddAt("a", clock_.Now() + milliseconds(3000));  // the earliest wins
  EXPECT_EQ(GetSoon(milliseconds(30)), std::nullopt);
  clock_.Advance(milliseconds(999));
  EXPECT_EQ(GetSoon(milliseconds(30)), std::nullopt);
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(GetSoon(), "a");
  queue_.Done("a");
  clock_.Advance(milliseconds(3000));
  EXPECT_EQ(GetSoon(milliseconds(30)), std::nullopt);  // the two later times of a are void
  clock_.Advance(milliseconds(1000));
  EXPECT_EQ(GetSoon(), "later");
}

TEST_F(WorkQueueTest, WhatWaitedForItsTimeKeepsItsPriority) {
  queue_.AddAfter("state", milliseconds(20), Priority::kHigh);
  queue_.AddAfter("state", milliseconds(40));  // neither later nor lower
  for (const char* key : {"amount1", "amount2"}) queue_.AddAfter(key, milliseconds(10));
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_EQ(queue_.TryGet(), "state");
  EXPECT_THAT(Drain(), testing::ElementsAre("amount1", "amount2"));
  queue_.Done("state");
  // Once: the next time is of its own.
  queue_.AddAfter("state", milliseconds(1));
  queue_.AddAfter("amount", milliseconds(1), Priority::kHigh);
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(queue_.TryGet(), "amount");
}

TEST_F(WorkQueueTest, AJumpOfTheClockWakesAWaitingWorker) {
  queue_.AddAt("a", clock_.Now() + std::chrono::hours(24));
  auto key = std::async(std::launch::async, [&] { return queue_.Get({}); });
  EXPECT_EQ(key.wait_for(milliseconds(20)), std::future_status::timeout);
  clock_.Advance(std::chrono::hours(24));
  EXPECT_EQ(key.get(), "a");
}

TEST_F(WorkQueueTest, AClockSetBackBringsEveryTimeUpForAnotherLook) {
  queue_.AddAt("a", clock_.Now() + std::chrono::hours(24));
  clock_.Advance(-milliseconds(500));
  EXPECT_EQ(GetSoon(milliseconds(30)), std::nullopt) << "adjusted, not set";
  clock_.Advance(-std::chrono::hours(2));
  EXPECT_EQ(GetSoon(), "a");
  queue_.Done("a");
  EXPECT_EQ(GetSoon(milliseconds(30)), std::nullopt) << "once";
}

TEST_F(WorkQueueTest, BackoffGrowsUntilForgotten) {
  const auto wait = [&] {
    const auto started = std::chrono::steady_clock::now();
    queue_.AddRateLimited("a");
    EXPECT_EQ(GetSoon(), "a");
    queue_.Done("a");
    return std::chrono::steady_clock::now() - started;
  };
  EXPECT_GE(wait(), milliseconds(5));
  EXPECT_GE(wait(), milliseconds(10));
  EXPECT_GE(wait(), milliseconds(20));
  EXPECT_GE(wait(), milliseconds(40));
  queue_.Forget("a");
  EXPECT_LT(wait(), milliseconds(35));
}

TEST_F(WorkQueueTest, BackoffIsBounded) {
  EXPECT_EQ(BackoffAfter(0, 0), milliseconds(5));
  EXPECT_EQ(BackoffAfter(0, 0.99), milliseconds(6));
  EXPECT_EQ(BackoffAfter(3, 0), milliseconds(40));
  EXPECT_EQ(BackoffAfter(13, 0), milliseconds(40'960));
  EXPECT_EQ(BackoffAfter(14, 0), milliseconds(60'000));
  EXPECT_EQ(BackoffAfter(1'000'000, 0.5), milliseconds(67'500));
  EXPECT_EQ(BackoffAfter(-1, 0), milliseconds(5));
}

TEST_F(WorkQueueTest, StopEndsEveryWait) {
  std::stop_source stop;
  queue_.AddAt("a", clock_.Now() + std::chrono::hours(1));
  std::vector<std::future<std::optional<std::string>>> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(std::async(std::launch::async, [&] { return queue_.Get(stop.get_token()); }));
  }
  stop.request_stop();
  for (auto& worker : workers) EXPECT_EQ(worker.get(), std::nullopt);
}

TEST_F(WorkQueueTest, NoKeyIsHeldByTwoWorkers) {
  std::mutex mutex;
  std::map<std::string, int> held;
  std::atomic<int> taken = 0;
  std::atomic<bool> twice = false;
  std::stop_source stop;
  std::vector<std::jthread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      while (const auto key = queue_.Get(stop.get_token())) {
        {
          const std::lock_guard lock(mutex);
          if (++held[*key] > 1) twice = true;
        }
        ++taken;
        const std::lock_guard lock(mutex);
        --held[*key];
        queue_.Done(*key);
      }
    });
  }
  for (int i = 0; i < 5000; ++i) {
    queue_.Add(std::to_string(i % 7), i % 3 == 0 ? Priority::kHigh : Priority::kLow);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (queue_.Length() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  stop.request_stop();
  workers.clear();
  EXPECT_FALSE(twice);
  EXPECT_GE(taken, 7);
  // A key added while held may have come back after the last look: it is there once, and then no
  // more.
  for (int left = 0; queue_.Length() > 0; ++left) {
    ASSERT_LT(left, 7);
    const auto key = queue_.Get({});
    ASSERT_TRUE(key);
    queue_.Done(*key);
  }
}

}  // namespace
}  // namespace purser::kube
