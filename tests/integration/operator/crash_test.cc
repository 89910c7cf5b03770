// kill -9 at random moments while agents spend: nothing is lost, nothing is booked or restored
// twice.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <random>
#include <thread>

#include "integration/operator/process.h"
#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"

namespace purser::integration {
namespace {

TEST(CrashTest, AHundredKillsLoseNothingAndRestoreOnce) {
  constexpr int kKills = 100;
  World world("crash");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter, std::chrono::milliseconds(250)));
  const auto config = WriteConfig(world, "config", ConfigText(world, prometheus.url()));
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
      << process.LogTail();
  ASSERT_GT(exporter.Total(), Money::FromNanos(40 * Money::kNanosPerDollar))
      << "the test must cross its limit";
  ASSERT_TRUE(world.Eventually("all are stopped", [&] {
    return world.Replicas("worker") == 0 && world.Replicas("second") == 0 &&
           world.Replicas("third") == 0;
  })) << process.LogTail();

  world.Kubectl(
      {"patch", "agentbudget", "daily", "--type=merge", "-p", R"({"spec":{"limit":"4000"}})"});
  ASSERT_TRUE(world.Eventually("the originals are back", [&] {
    return world.Replicas("worker") == 7 && world.Replicas("second") == 3 &&
           world.Replicas("third") == 2;
  })) << process.LogTail();
  // Restored once: what somebody sets afterwards stays, over another restart.
  world.Kubectl({"scale", "deployment", "worker", "--replicas=1"});
  const auto started = std::chrono::steady_clock::now();
  const int status = process.End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << "\n" << process.LogTail();
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
