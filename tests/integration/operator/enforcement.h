// One operator over one Prometheus and one pool, for the tests of what is taken and given back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {

// One Prometheus that scrapes one exporter every second, shared by the tests; each uses its own
// namespace.
struct Spend {
  support::Exporter exporter;
  support::Prometheus prometheus;
  static Spend& Shared() {
    static Spend spend;
    return spend;
  }
  Spend() : prometheus(support::Scraping(exporter, std::chrono::seconds(1))) {}
};

class EnforcementTest : public testing::Test {
 protected:
  EnforcementTest()
      : world_([] {
          std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
          std::transform(name.begin(), name.end(), name.begin(),
                         [](unsigned char c) { return std::tolower(c); });
          return name;
        }()) {}

  void Spend(const std::string& agent, const std::string& dollars) {
    Spend::Shared().exporter.Add(world_.ns(), agent, dollars);
  }
  void Run() {
    running_ = std::make_unique<support::RunningOperator>(
        world_.Config(Spend::Shared().prometheus.url()), world_.cluster().kubeconfig(), nullptr);
  }
  // A pool "team" with the Deployment "worker" of 5, its spend known to the source.
  void OnePool(const std::string& extra = "") {
    world_.Deployment("worker", 5);
    world_.Pool("team", {"worker"}, 20, extra);
  }
  bool Stopped() {
    return world_.Eventually("worker stops", [&] { return world_.Replicas("worker") == 0; });
  }
  bool Returned() {
    return world_.Eventually("worker returns", [&] { return world_.Replicas("worker") == 5; });
  }
  // The pool, by the operator of this life: what a former one wrote proves nothing.
  bool Reconciled() {
    return world_.Eventually("the pool is reconciled", [&] {
      return World::MetricOf(running_->port(),
                             "purser_reconcile_duration_seconds_count{controller="
                             "\"agentpool\"}") > 0;
    });
  }
  std::string PoolState() { return world_.StatusOf("agentpool", "team").value("state", ""); }

  World world_;
  std::unique_ptr<support::RunningOperator> running_;
};

}  // namespace purser::integration
