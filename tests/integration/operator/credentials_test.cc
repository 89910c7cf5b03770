// Credentials that the API server refuses: the log says what to do, and the operator goes on by
// itself once it is done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/http_exchange.h"
#include "support/log_lines.h"
#include "support/prometheus.h"
#include "support/service_account_token.h"

namespace purser::integration {
namespace {

using testing::StartsWith;

constexpr auto kLong = std::chrono::seconds(60);  // the longest backoff of a watch, twice

// A service account "purser", an agent that spends, and a kubeconfig that reads a token file.
class CredentialsTest : public testing::Test {
 protected:
  explicit CredentialsTest() : prometheus_(support::Scraping(exporter_)) {
    // The source has a series before anybody spends: what shows itself later is spend.
    exporter_.Add("elsewhere", "idle", "0");
  }
  void SetUp() override { ASSERT_TRUE(exporter_.AwaitScrape()); }

  // The administrator's kubeconfig with the token in the place of the certificate.
  static std::string Kubeconfig(const World& world) {
    std::ifstream original(world.cluster().kubeconfig());
    std::ostringstream text;
    for (std::string line; std::getline(original, line);) {
      if (line.find("client-key-data") != std::string::npos) continue;
      if (line.find("client-certificate-data") != std::string::npos)
        line = "    tokenFile: " + TokenFile(world);
      text << line << "\n";
    }
    const std::string path = world.folder() + "/kubeconfig";
    std::ofstream(path) << text.str();
    return path;
  }
  static std::string TokenFile(const World& world) { return world.folder() + "/token"; }

  static void MakeAccount(const World& world) {
    const auto made = world.Kubectl({"create", "serviceaccount", "purser"});
    ASSERT_EQ(made.code, 0) << made.err;
  }
  static void Grant(const World& world) {
    const auto granted = world.Kubectl({"create", "clusterrolebinding", "test-" + world.ns(),
                                        "--clusterrole=cluster-admin",
                                        "--serviceaccount=" + world.ns() + ":purser"});
    ASSERT_EQ(granted.code, 0) << granted.err;
  }
  static void WriteToken(const World& world) {
    const auto token = world.Kubectl({"create", "token", "purser", "--duration=10m"});
    ASSERT_EQ(token.code, 0) << token.err;
    std::ofstream(TokenFile(world), std::ios::trunc) << token.out;
  }

  // The API server itself gives none for less than ten minutes.
  static void WriteTokenFor(const World& world, std::chrono::seconds lifetime) {
    const auto certificates =
        std::filesystem::path(world.cluster().kubeconfig()).parent_path() / "certificates";
    const std::string uid = world.Get("serviceaccount", "purser")["metadata"]["uid"];
    std::ofstream(TokenFile(world), std::ios::trunc) << support::SignToken(
        certificates / "service-account.key", {world.ns(), "purser", uid}, lifetime);
  }

  static std::string Readiness(const support::RunningOperator& running) {
    return support::HttpExchange(running.port(), "GET /readyz HTTP/1.0\r\n\r\n");
  }

  void SpendPastALimitOfTen(const World& world) {
    world.Deployment("worker", 5);
    world.Pool("team", {"worker"});
    world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
    exporter_.Add(world.ns(), "worker", "11");
  }

  support::Exporter exporter_;
  support::Prometheus prometheus_;
  support::LogLines log_;
};

TEST_F(CredentialsTest, ATokenRefusedAtTheStartIsToldAndReplaced) {
  const World world("token-refused");
  MakeAccount(world);
  Grant(world);
  SpendPastALimitOfTen(world);
  std::ofstream(TokenFile(world)) << "no-token-of-this-cluster\n";
  support::RunningOperator running(world.Config(prometheus_.url()), Kubeconfig(world), nullptr);
  ASSERT_TRUE(world.Eventually("the log says what to do", [&] {
    return log_.Tell("watch=agentbudgets", "HTTP 401", "renew the kubeconfig's token") &&
           log_.Tell("watch=deployments", "HTTP 401", "renew the kubeconfig's token");
  })) << log_.All();
  EXPECT_THAT(Readiness(running), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(world.Replicas("worker"), 5);

  WriteToken(world);
  ASSERT_TRUE(world.Eventually(
      "it goes on", [&] { return world.Replicas("worker") == 0; }, kLong))
      << log_.All();
  EXPECT_THAT(Readiness(running), StartsWith("HTTP/1.1 200 "));
}

TEST_F(CredentialsTest, ATokenThatExpiresWhileItRunsIsToldAndReplaced) {
  const World world("token-expired");
  MakeAccount(world);
  Grant(world);
  WriteTokenFor(world, std::chrono::seconds(20));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"1000\", window: {period: Month}", "{pools: [team]}");
  exporter_.Add(world.ns(), "worker", "11");
  support::RunningOperator running(world.Config(prometheus_.url()), Kubeconfig(world), nullptr);
  ASSERT_TRUE(world.Eventually("it works", [&] { return world.Spent("daily") == "11"; }))
      << log_.All();

  // The API server remembers good ones for 10 s more.
  int limit = 1000;
  ASSERT_TRUE(world.Eventually(
      "the log says what to do",
      [&] {
        // Each edit wants a status written.
        world.Kubectl({"patch", "agentbudget", "daily", "--type=merge", "-p",
                       R"({"spec":{"limit":")" + std::to_string(++limit) + R"("}})"});
        return log_.Tell("controller=agentbudget", "HTTP 401", "renew the kubeconfig's token");
      },
      kLong))
      << log_.All();
  exporter_.Add(world.ns(), "worker", "2000");

  WriteToken(world);
  EXPECT_TRUE(world.Eventually(
      "it stops what crossed its limit meanwhile",
      [&] { return world.Replicas("worker") == 0 && world.Spent("daily") == "2011"; }, kLong))
      << log_.All();
}

TEST_F(CredentialsTest, MissingRightsAreNamedAndPickedUpOnceGranted) {
  const World world("no-rights");
  MakeAccount(world);
  WriteToken(world);
  SpendPastALimitOfTen(world);
  auto config = world.Config(prometheus_.url());
  config.leader_election.enabled = true;
  config.leader_election.ns = world.ns();
  support::RunningOperator running(config, Kubeconfig(world), nullptr);
  ASSERT_TRUE(world.Eventually("what is missing is named", [&] {
    return log_.Tell("watch=agentpools", "HTTP 403",
                     "cannot list resource \"agentpools\" in API group \"purser.dev\"",
                     "grant this user that verb on that resource") &&
           log_.Tell("lease=" + world.ns() + "/purser", "HTTP 403",
                     "cannot get resource \"leases\"", "grant this user");
  })) << log_.All();
  EXPECT_EQ(world.Replicas("worker"), 5);

  Grant(world);
  EXPECT_TRUE(world.Eventually(
      "it goes on", [&] { return world.Replicas("worker") == 0; }, kLong))
      << log_.All();
}

}  // namespace
}  // namespace purser::integration
