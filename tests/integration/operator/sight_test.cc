// The operator loses sight of spend: what it asks meanwhile, and that it gives nothing back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <thread>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

// A namespace of its own for each test.
std::string NameOfTest() {
  std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

// A pool "team" of the Deployment "worker", and a Prometheus of its own that may go.
class SightTest : public testing::Test {
 protected:
  explicit SightTest() : world_(NameOfTest()), prometheus_(support::Scraping(exporter_)) {
    world_.Deployment("worker", 5);
    world_.Pool("team", {"worker"});
  }
  void Run() {
    running_ = std::make_unique<support::RunningOperator>(world_.Config(prometheus_.url()),
                                                          world_.cluster().kubeconfig(), nullptr);
  }
  bool Reads() const {
    return world_.Eventually("the source is read", [&] {
      return world_.ConditionOf("agentbudget", "daily", "SourceHealthy").starts_with("True/");
    });
  }

  World world_;
  support::Exporter exporter_;
  support::Prometheus prometheus_;
  std::unique_ptr<support::RunningOperator> running_;
};

TEST_F(SightTest, StopAfterItsTimeAndBackWhenSpendIsReadAgain) {
  world_.Budget(
      "daily",
      "limit: \"50\", window: {period: Month}, onSourceLoss: {action: Stop, afterSeconds: 4}",
      "{pools: [team]}");
  exporter_.Add(world_.ns(), "worker", "1");
  Run();
  ASSERT_TRUE(Reads());
  EXPECT_EQ(world_.Replicas("worker"), 5);
  prometheus_.Kill();
  ASSERT_TRUE(world_.Eventually("worker stops", [&] { return world_.Replicas("worker") == 0; }));
  ASSERT_TRUE(world_.Eventually("why is told", [&] {
    return world_.MessageOf("agentbudget", "daily", "Throttled")
               .find("onSourceLoss asks for Stopped after 4 s") != std::string::npos;
  }));
  prometheus_.Start();
  ASSERT_TRUE(world_.Eventually("worker returns", [&] { return world_.Replicas("worker") == 5; }));
}

TEST_F(SightTest, ThrottleLeavesOneCallAtATime) {
  world_.Budget(
      "daily",
      "limit: \"50\", window: {period: Month}, onSourceLoss: {action: Throttle, afterSeconds: 2}",
      "{pools: [team]}");
  exporter_.Add(world_.ns(), "worker", "1");
  Run();
  ASSERT_TRUE(Reads());
  prometheus_.Kill();
  ASSERT_TRUE(world_.Eventually("team is throttled", [&] {
    const auto status = world_.StatusOf("agentpool", "team");
    return status.value("state", "") == "Throttled" && status["maxConcurrency"] == 1;
  }));
  EXPECT_EQ(world_.Replicas("worker"), 1);
}

TEST_F(SightTest, ALostLedgerGivesNothingBack) {
  world_.Budget("daily", "limit: \"20\", window: {period: Month}", "{pools: [team]}");
  exporter_.Add(world_.ns(), "worker", "20");
  Run();
  ASSERT_TRUE(world_.Eventually("worker stops", [&] { return world_.Replicas("worker") == 0; }));
  ASSERT_TRUE(world_.Eventually("it is told", [&] { return world_.Spent("daily") == "20"; }));
  running_.reset();
  for (const auto& file : std::filesystem::directory_iterator(world_.folder())) {
    if (file.path().filename().string().starts_with("ledger.db")) std::filesystem::remove(file);
  }
  // The new ledger begins now: nothing of before is read.
  auto config = world_.Config(prometheus_.url());
  config.sources.front().prometheus.backfill = std::chrono::seconds(0);
  running_ =
      std::make_unique<support::RunningOperator>(config, world_.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(world_.Eventually("the loss is told", [&] {
    return world_.MessageOf("agentbudget", "daily", "LedgerGap").find("said $20") !=
           std::string::npos;
  }));
  ASSERT_TRUE(Reads());
  exporter_.Add(world_.ns(), "worker", "1");
  std::this_thread::sleep_for(std::chrono::seconds(3));
  EXPECT_EQ(world_.Spent("daily"), "20");
  EXPECT_EQ(world_.StatusOf("agentbudget", "daily")["spentAtLeast"], "20");
  EXPECT_EQ(world_.Replicas("worker"), 0);
  // Once told, another life holds to it.
  running_.reset();
  running_ =
      std::make_unique<support::RunningOperator>(config, world_.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(Reads());
  std::this_thread::sleep_for(std::chrono::seconds(2));
  EXPECT_EQ(world_.Replicas("worker"), 0);
}

}  // namespace
}  // namespace purser::integration
