// kill -9 at random moments while agents spend: nothing is lost, nothing is booked or restored
// twice.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <thread>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

// The operator's binary as a process of its own.
class Process {
 public:
  Process(const World& world, const std::string& config) : log_(world.folder() + "/operator.log") {
    const std::string kubeconfig = world.cluster().kubeconfig();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int file = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(file, 1);
      dup2(file, 2);
      execl(PURSER_BINARY, PURSER_BINARY, "run", "--config", config.c_str(), "--kubeconfig",
            kubeconfig.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
  }
  ~Process() { End(SIGKILL); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int End(int signal) {
    if (pid_ <= 0) return 0;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  std::string log_;
  pid_t pid_ = -1;
};

std::string ConfigFile(const World& world, const std::string& prometheus_url) {
  const std::string path = world.folder() + "/config.yaml";
  std::ofstream(path)
      << "apiVersion: config.purser.dev/v1alpha1\nkind: OperatorConfig\n"
         "server: {metricsAddress: \"127.0.0.1:0\"}\nleaderElection: {enabled: false}\n"
         "watchNamespaces: [" +
             world.ns() + "]\nstore: {type: SQLite, path: " + world.folder() +
             "/ledger.db}\nsources:\n- name: default\n  prometheus: {url: \"" + prometheus_url +
             "\", metric: agent_cost_usd_total, scrapeInterval: 1s, interval: 1s, backfill: 1h}\n";
  return path;
}

std::string Tail(const World& world) {
  return support::RunToEnd({"tail", "-n", "25", world.folder() + "/operator.log"}).out;
}

TEST(CrashTest, AHundredKillsLoseNothingAndRestoreOnce) {
  constexpr int kKills = 100;
  World world("crash");
  support::Exporter exporter;
  support::PrometheusOptions options;
  options.scrape_interval = std::chrono::milliseconds(250);
  options.targets = {exporter.address()};
  support::Prometheus prometheus(options);
  const auto config = ConfigFile(world, prometheus.url());
  world.Deployment("worker", 7);
  world.Pool("team", {"worker", "second", "third"});
  world.Deployment("second", 3);
  world.Deployment("third", 2);
  world.Budget("daily", "limit: \"40\", window: {period: Month}", "{pools: [team]}");

  // About $80 over the whole test: throttled at 32, stopped at 40, spending on regardless.
  std::jthread spender([&](std::stop_token stop) {
    std::mt19937_64 random(7);
    const std::vector<std::string> agents = {"worker", "second", "third"};
    while (!stop.stop_requested()) {
      const auto nanos = random() % 40'000'000 + 1;
      exporter.Add(world.ns(), agents[random() % 3],
                   Money::FromNanos(static_cast<std::int64_t>(nanos)).ToDecimal());
      std::this_thread::sleep_for(std::chrono::milliseconds(15));
    }
  });
  std::mt19937_64 random(42);
  for (int i = 0; i < kKills; ++i) {
    Process process(world, config);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 700));
  }
  spender.request_stop();
  spender.join();

  // A status carries changes below a percent of the limit within a minute.
  Process process(world, config);
  ASSERT_TRUE(world.Eventually(
      "booked equals the source's total",
      [&] {
        return world.StatusOf("agentbudget", "daily").value("spent", "") ==
               exporter.Total().ToDecimal();
      },
      std::chrono::seconds(90)))
      << "want " << exporter.Total().ToDecimal() << "\n"
      << Tail(world);
  ASSERT_GT(exporter.Total(), Money::FromNanos(40 * Money::kNanosPerDollar))
      << "the test must cross its limit";
  ASSERT_TRUE(world.Eventually("all are stopped", [&] {
    return world.Replicas("worker") == 0 && world.Replicas("second") == 0 &&
           world.Replicas("third") == 0;
  })) << Tail(world);

  world.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"4000"}})"});
  ASSERT_TRUE(world.Eventually("the originals are back", [&] {
    return world.Replicas("worker") == 7 && world.Replicas("second") == 3 &&
           world.Replicas("third") == 2;
  })) << Tail(world);
  // Restored once: what somebody sets afterwards stays, over another restart.
  world.Kubectl({"scale", "deployment", "worker", "--replicas=1"});
  const auto started = std::chrono::steady_clock::now();
  const int status = process.End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << "\n" << Tail(world);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2))
      << "a clean SIGTERM";
  Process again(world, config);
  exporter.Add(world.ns(), "worker", "0.5");
  ASSERT_TRUE(world.Eventually(
      "the next dollar is booked once",
      [&] {
        return world.StatusOf("agentbudget", "daily").value("spent", "") ==
               exporter.Total().ToDecimal();
      },
      std::chrono::seconds(90)));
  EXPECT_EQ(world.Replicas("worker"), 1);
}

}  // namespace
}  // namespace purser::integration
