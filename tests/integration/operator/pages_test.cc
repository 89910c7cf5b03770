// What a running operator tells over HTTP: whether it lives, whether it is ready, and its figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/http_exchange.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string Page(const support::RunningOperator& running, const std::string& path) {
  return support::HttpExchange(running.port(), "GET " + path + " HTTP/1.0\r\n\r\n");
}

std::string Body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

TEST(PagesTest, HealthReadinessAndEveryFigure) {
  const World world("pages");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "9");
  exporter.Add(world.ns(), "", "0.5");
  const support::RunningOperator running(world.Config(prometheus.url()),
                                         world.cluster().kubeconfig(), nullptr);
  ASSERT_TRUE(world.Eventually("it is throttled", [&] { return world.Replicas("worker") == 3; }));
  ASSERT_TRUE(world.Eventually("the pool's status is written", [&] {
    return world.StatusOf("agentpool", "team").value("maxConcurrency", 0) == 10;
  }));

  EXPECT_THAT(Page(running, "/healthz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\nok\n")));
  EXPECT_THAT(Page(running, "/readyz"),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ok: leading\n")));
  EXPECT_THAT(Page(running, "/"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("/metrics")));
  EXPECT_THAT(support::HttpExchange(running.port(), "POST /metrics HTTP/1.0\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));

  const auto metric = [&](const std::string& series) {
    return World::MetricOf(running.port(), series);
  };
  const std::string budget = "{namespace=\"pages\",budget=\"daily\"}";
  EXPECT_EQ(metric("purser_budget_spent_usd" + budget), 9);
  EXPECT_EQ(metric("purser_budget_limit_usd" + budget), 10);
  EXPECT_EQ(metric("purser_budget_state" + budget), 2) << "Throttled";
  const std::string pool = "{namespace=\"pages\",pool=\"team\"}";
  EXPECT_TRUE(world.Eventually("the pool's figures",
                               [&] { return metric("purser_pool_concurrency" + pool) == 10; }));
  EXPECT_EQ(metric("purser_pool_concurrency_max" + pool), 20);
  EXPECT_EQ(metric("purser_pool_state" + pool), 2) << "Throttled";
  EXPECT_EQ(metric("purser_decisions_total{level=\"Throttled\"}"), 1);
  EXPECT_EQ(metric("purser_decisions_total{level=\"Stopped\"}"), 0) << "there from the start";
  EXPECT_EQ(metric("purser_reconcile_errors_total{controller=\"agentpool-status\"}"), 0);
  EXPECT_GT(metric("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(metric("process_open_fds"), 3);
  EXPECT_LT(std::abs(metric("process_start_time_seconds") - static_cast<double>(time(nullptr))),
            600);
  EXPECT_THAT(Page(running, "/metrics"),
              testing::ContainsRegex(
                  R"(purser_build_info\{commit="[0-9a-f]+[^"]*",version="[0-9.]+"\} 1)"));
  for (const std::string controller : {"agentbudget", "agentpool"}) {
    const std::string of = "{controller=\"" + controller + "\"}";
    EXPECT_GE(metric("purser_reconcile_duration_seconds_count" + of), 1);
    EXPECT_GE(metric("purser_reconcile_duration_seconds_bucket{controller=\"" + controller +
                     "\",le=\"+Inf\"}"),
              1);
    EXPECT_GE(metric("purser_reconcile_errors_total" + of), 0);
    EXPECT_TRUE(world.Eventually("the queue empties",
                                 [&] { return metric("purser_queue_depth" + of) == 0; }));
  }
  EXPECT_EQ(metric("purser_source_healthy{source=\"default\"}"), 1);
  EXPECT_EQ(metric("purser_source_series{source=\"default\"}"), 2);
  EXPECT_EQ(metric("purser_source_unattributed_series{source=\"default\"}"), 1) << "no agent";
  EXPECT_EQ(metric("purser_source_shortened_series{source=\"default\"}"), 0);
  EXPECT_EQ(metric("purser_source_quarantined_series{source=\"default\"}"), 0);
  EXPECT_EQ(metric("purser_events_dropped_total"), 0);
  EXPECT_GE(metric("purser_poll_age_seconds{source=\"default\"}"), 0);
  EXPECT_LT(metric("purser_poll_age_seconds{source=\"default\"}"), 10);
  EXPECT_GE(metric("purser_polls_total{source=\"default\"}"), 1);
  EXPECT_GE(metric("purser_api_requests_total{code=\"200\",verb=\"list\"}"), 4) << "four caches";
  EXPECT_GE(metric("purser_api_requests_total{code=\"200\",verb=\"patch\"}") +
                metric("purser_api_requests_total{code=\"200\",verb=\"apply\"}"),
            1);
  EXPECT_EQ(metric("purser_leader"), 1);

  const auto page = Page(running, "/metrics");
  EXPECT_THAT(page, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  const auto checked = support::RunToEnd({"promtool", "check", "metrics"}, Body(page));
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;

  // They follow: the age grows while the source is away, and a budget that is gone has no series.
  prometheus.Kill();
  EXPECT_TRUE(world.Eventually("the loss shows", [&] {
    return metric("purser_source_healthy{source=\"default\"}") == 0 &&
           metric("purser_poll_errors_total{source=\"default\"}") >= 1 &&
           metric("purser_poll_age_seconds{source=\"default\"}") > 2;
  }));
  world.Kubectl({"delete", "agentbudget", "daily"});
  EXPECT_TRUE(world.Eventually("its series end",
                               [&] { return metric("purser_budget_limit_usd" + budget) == -1; }));
  EXPECT_THAT(Page(running, "/healthz"), StartsWith("HTTP/1.1 200 "))
      << "liveness does not depend on what is around";
}

TEST(PagesTest, WhoStandsByIsReadyAndSaysSo) {
  const World world("pages-standby");
  support::Exporter exporter;
  support::Prometheus prometheus({});
  auto config = world.Config(prometheus.url());
  config.leader_election.enabled = true;
  config.leader_election.ns = world.ns();
  const auto lease = world.TryApply(
      "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: purser}\n"
      "spec: {holderIdentity: somebody-else, leaseDurationSeconds: 3600}\n");
  ASSERT_EQ(lease.code, 0) << lease.err;
  const support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
  EXPECT_TRUE(world.Eventually("it is ready without leading", [&] {
    const auto page = Page(running, "/readyz");
    return page.starts_with("HTTP/1.1 200 ") && page.ends_with("ok: standing by\n");
  }));
  EXPECT_EQ(World::MetricOf(running.port(), "purser_leader"), 0);
}

}  // namespace
}  // namespace purser::integration
