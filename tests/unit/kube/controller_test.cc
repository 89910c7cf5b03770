#include "kube/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>

namespace purser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class ControllerTest : public testing::Test {
 protected:
  ControllerOptions Options(std::function<Result<Requeue>(const ObjectKey&)> reconcile) {
    ControllerOptions options;
    options.name = "thing";
    options.workers = 2;
    options.reconcile = std::move(reconcile);
    options.on_outcome = [this](const Outcome& outcome) {
      const std::lock_guard lock(mutex_);
      ++outcomes_[outcome.key.name];
      if (outcome.threw) ++threw_[outcome.key.name];
      if (outcome.error != nullptr) errors_[outcome.key.name] = outcome.error->message();
    };
    return options;
  }
  bool Eventually(const std::function<bool()>& check) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(5);
    while (std::chrono::steady_clock::now() < deadline) {
      {
        const std::lock_guard lock(mutex_);
        if (check()) return true;
      }
      std::this_thread::sleep_for(milliseconds(2));
    }
    return false;
  }

  SystemClock clock_;
  WorkQueue<ObjectKey> queue_{clock_};
  std::mutex mutex_;
  std::map<std::string, int> outcomes_;
  std::map<std::string, int> threw_;
  std::map<std::string, std::string> errors_;
  std::stop_source stop_;
};

TEST_F(ControllerTest, WhatAReconcileThrowsParksItsItemAndNobodyElses) {
  Controller controller(queue_, Options([](const ObjectKey& key) -> Result<Requeue> {
                          if (key.name == "poisoned") throw std::runtime_error("bad luck");
                          if (key.name == "strange") throw 7;  // NOLINT(hicpp-exception-baseclass)
                          return Requeue{};
                        }));
  for (const char* name : {"poisoned", "strange", "one", "two"}) queue_.Add({"a", name});
  controller.Start(stop_.get_token());
  ASSERT_TRUE(Eventually([this] {
    return threw_["poisoned"] >= 3 && threw_["strange"] >= 3 && outcomes_["one"] == 1 &&
           outcomes_["two"] == 1;
  }));
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(errors_["poisoned"], HasSubstr("bad luck"));
  EXPECT_THAT(errors_["strange"], HasSubstr("of no known type"));
  EXPECT_EQ(errors_.count("one"), 0U);
  EXPECT_LT(outcomes_["poisoned"], 12) << "its backoff grows";
}

TEST_F(ControllerTest, WhatTheObserversThrowChangesNothing) {
  auto options = Options([](const ObjectKey&) -> Result<Requeue> { return Requeue{}; });
  options.scope = []() -> std::shared_ptr<void> { throw std::runtime_error("no scope"); };
  auto count = options.on_outcome;
  options.on_outcome = [count](const Outcome& outcome) {
    count(outcome);
    throw std::runtime_error("no log");
  };
  Controller controller(queue_, options);
  controller.Start(stop_.get_token());
  queue_.Add({"a", "one"});
  ASSERT_TRUE(Eventually([this] { return outcomes_["one"] == 1; }));
  queue_.Add({"a", "one"});
  ASSERT_TRUE(Eventually([this] { return outcomes_["one"] == 2; }));
}

TEST_F(ControllerTest, AnErrorIsRetriedAndSuccessEndsTheBackoff) {
  std::atomic<int> calls = 0;
  Controller controller(queue_, Options([&](const ObjectKey&) -> Result<Requeue> {
                          if (++calls < 3) return Error(ErrorCode::kUnavailable, "not yet");
                          return Requeue{};
                        }));
  controller.Start(stop_.get_token());
  queue_.Add({"a", "one"});
  ASSERT_TRUE(Eventually([this] { return outcomes_["one"] == 3; }));
  std::this_thread::sleep_for(milliseconds(60));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(threw_["one"], 0);
}

TEST_F(ControllerTest, ComesBackAfterTheTimeAskedFor) {
  std::atomic<int> calls = 0;
  Controller controller(queue_, Options([&](const ObjectKey&) -> Result<Requeue> {
                          return ++calls == 1 ? Requeue{milliseconds(30)} : Requeue{};
                        }));
  const auto began = std::chrono::steady_clock::now();
  controller.Start(stop_.get_token());
  queue_.Add({"a", "one"});
  ASSERT_TRUE(Eventually([this] { return outcomes_["one"] == 2; }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(30));
}

TEST_F(ControllerTest, WhatIsReadyIsWorkedOffOnTheCallingThread) {
  const auto here = std::this_thread::get_id();
  Controller controller(queue_, Options([&](const ObjectKey&) -> Result<Requeue> {
                          EXPECT_EQ(std::this_thread::get_id(), here);
                          return Requeue{};
                        }));
  queue_.Add({"a", "one"});
  queue_.Add({"a", "two"});
  controller.WorkOffReady(stop_.get_token());
  EXPECT_EQ(outcomes_.size(), 2U);
  EXPECT_EQ(queue_.Length(), 0U);
}

TEST_F(ControllerTest, WorkThatIsStuckShows) {
  Progress progress;
  std::atomic<bool> go_on = false;
  auto options = Options([&](const ObjectKey&) -> Result<Requeue> {
    while (!go_on) std::this_thread::sleep_for(milliseconds(1));
    return Requeue{};
  });
  options.progress = &progress;
  Controller controller(queue_, options);
  controller.Start(stop_.get_token());
  EXPECT_FALSE(progress.StuckFor(milliseconds(0)));
  queue_.Add({"a", "one"});
  ASSERT_TRUE(Eventually([&] { return progress.StuckFor(milliseconds(20)).has_value(); }));
  EXPECT_EQ(progress.StuckFor(milliseconds(20))->what, "thing a/one");
  EXPECT_FALSE(progress.StuckFor(seconds(60)));
  go_on = true;
  ASSERT_TRUE(Eventually([&] { return !progress.StuckFor(milliseconds(0)); }));
}

}  // namespace
}  // namespace purser::kube
