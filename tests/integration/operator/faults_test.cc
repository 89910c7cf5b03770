// What goes wrong around the operator: each fault is told, nothing is lost, nothing is given back
// blindly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <optional>

#include <fstream>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"
#include "support/raw_server.h"

namespace purser::integration {
namespace {

using testing::HasSubstr;

TEST(FaultsTest, PrometheusGoneHoldsWhatIsTakenAndLosesNothing) {
  World world("prometheus-gone");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "11");
  support::RunningOperator running(world.Config(prometheus.url()), world.cluster().kubeconfig(),
                                   nullptr);
  ASSERT_TRUE(world.Eventually("it stops", [&] { return world.Replicas("worker") == 0; }));

  ASSERT_TRUE(world.Eventually("the source is read", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy").starts_with("True/");
  }));
  prometheus.Kill();
  ASSERT_TRUE(world.Eventually("the loss is told", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy") ==
           "False/PrometheusUnreachable";
  }));
  // A raised limit is not given back blindly.
  world.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"100"}})"});
  ASSERT_TRUE(world.Eventually("the new limit is in force", [&] {
    return world.StatusOf("agentbudget", "daily").value("limit", "") == "100";
  }));
  EXPECT_EQ(world.Replicas("worker"), 0);
  EXPECT_THAT(world.Kubectl({"get", "agentbudget", "daily", "-o", "yaml"}).out,
              HasSubstr("not readable"));

  exporter.Add(world.ns(), "worker", "0.000000007");
  prometheus.Start();
  ASSERT_TRUE(world.Eventually("it returns", [&] { return world.Replicas("worker") == 5; }));
  ASSERT_TRUE(world.Eventually("every nano-dollar is booked", [&] {
    return world.StatusOf("agentbudget", "daily").value("spent", "").starts_with("11");
  }));
  exporter.Add(world.ns(), "worker", "2");
  ASSERT_TRUE(world.Eventually("to the last", [&] {
    return world.StatusOf("agentbudget", "daily").value("spent", "") == "13.000000007";
  }));
}

TEST(FaultsTest, PrometheusThatHangsIsToldWithinItsTimeout) {
  World world("prometheus-slow");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\"", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "1");
  auto config = world.Config(prometheus.url());
  config.sources[0].prometheus.timeout = std::chrono::seconds(1);
  support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(world.Eventually("it is read", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy").starts_with("True/");
  }));
  prometheus.Pause();
  EXPECT_TRUE(world.Eventually("the hang is told", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy").starts_with("False/");
  }));
  prometheus.Resume();
  EXPECT_TRUE(world.Eventually("and its end", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy").starts_with("True/");
  }));
}

TEST(FaultsTest, APageOfHtmlIsNotZeroDollars) {
  World world("html");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "9");
  support::RunningOperator running(world.Config(prometheus.url()), world.cluster().kubeconfig(),
                                   nullptr);
  ASSERT_TRUE(world.Eventually("it is throttled", [&] { return world.Replicas("worker") == 3; }));
  ASSERT_TRUE(world.Eventually("it is told", [&] { return world.Spent("daily") == "9"; }));

  // A sign-in page answers where Prometheus did.
  prometheus.Kill();
  {
    const support::RawServer web(
        support::HttpAnswer(200, "text/html", "<html><body>Sign in</body></html>"),
        prometheus.port());
    ASSERT_TRUE(world.Eventually("the page is told", [&] {
      return world.ConditionOf("agentbudget", "daily", "SourceHealthy") == "False/BadAnswer";
    }));
    EXPECT_THAT(world.MessageOf("agentbudget", "daily", "SourceHealthy"),
                HasSubstr("check what answers at sources[].prometheus.url"));
    EXPECT_EQ(world.Spent("daily"), "9");
    EXPECT_EQ(world.Replicas("worker"), 3);
  }

  exporter.Add(world.ns(), "worker", "0.500000001");
  prometheus.Start();
  ASSERT_TRUE(world.Eventually("nothing was skipped and nothing booked twice",
                               [&] { return world.Spent("daily") == "9.500000001"; }));
  EXPECT_TRUE(world.Eventually("it is well again", [&] {
    return world.ConditionOf("agentbudget", "daily", "SourceHealthy") == "True/Reading";
  }));
}

// An operator by way of an API server of its own.
struct BehindSecondApiServer {
  explicit BehindSecondApiServer(const std::string& ns) : world(ns) { server.Start(); }
  // Returns once $1 of $10 is booked.
  void Run() {
    world.Deployment("worker", 5);
    world.Pool("team", {"worker"});
    world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
    exporter.Add(world.ns(), "worker", "1");
    running.emplace(world.Config(prometheus.url()), server.WriteKubeconfig(world.folder()),
                    nullptr);
    ASSERT_TRUE(world.Eventually("it is read", [&] {
      return world.StatusOf("agentbudget", "daily").value("spent", "") == "1";
    }));
  }

  World world;
  support::Exporter exporter;
  support::Prometheus prometheus{support::Scraping(exporter)};
  support::SecondApiServer server{world.cluster()};
  std::optional<support::RunningOperator> running;
};

TEST(FaultsTest, AnApiServerThatRestartsIsFollowed) {
  BehindSecondApiServer behind("api-restart");
  ASSERT_NO_FATAL_FAILURE(behind.Run());
  auto& [world, exporter, prometheus, server, running] = behind;
  server.Kill();
  exporter.Add(world.ns(), "worker", "10");
  std::this_thread::sleep_for(
      std::chrono::seconds(2));  // the limit is crossed while nobody can be told
  server.Start();
  EXPECT_TRUE(world.Eventually(
      "it stops once the server is back", [&] { return world.Replicas("worker") == 0; },
      std::chrono::seconds(60)));
}

TEST(FaultsTest, AnApiServerThatHangsKeepsNobodyFromEnding) {
  BehindSecondApiServer behind("api-hangs");
  ASSERT_NO_FATAL_FAILURE(behind.Run());
  auto& [world, exporter, prometheus, server, running] = behind;
  server.Pause();
  exporter.Add(world.ns(), "worker", "10");
  // What stops the agents is on its way, and hangs.
  ASSERT_TRUE(world.Eventually("the budget is exhausted", [&] {
    return World::MetricOf(running->port(), "purser_decisions_total{level=\"Stopped\"}") == 1;
  }));
  const auto asked = std::chrono::steady_clock::now();
  running->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(2));
}

TEST(FaultsTest, AStoreThatCannotBeWrittenEndsTheStartWithAWayOut) {
  World world("store");
  support::Exporter exporter;
  auto config = world.Config("http://127.0.0.1:9");
  config.store.path = world.folder() + "/absent/ledger.db";
  support::RunningOperator missing(config, world.cluster().kubeconfig(), nullptr);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (missing.running() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  missing.Stop();
  ASSERT_FALSE(missing.ended().ok());
  EXPECT_THAT(missing.ended().error().message(), HasSubstr(config.store.path));
}

}  // namespace
}  // namespace purser::integration
