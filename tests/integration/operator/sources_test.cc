// A Prometheus that answers, but not with all there is, or not with amounts: nothing of such an
// answer is booked, and all of it is once it is mended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "integration/operator/world.h"
#include "support/exporter.h"
#include "support/prometheus.h"
#include "unit/net/loopback_server.h"

namespace purser::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string SourceOf(const World& world) {
  return world.ConditionOf("agentbudget", "daily", "SourceHealthy");
}

std::string MeterOf(const World& world) {
  return world.ConditionOf("agentbudget", "daily", "Metered");
}

TEST(SourcesTest, WhatAnAnswerWithWarningsHoldsIsBookedAndTheRestIsHeld) {
  World world("warnings");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "1");
  support::RunningOperator running(world.Config(prometheus.url()), world.cluster().kubeconfig(),
                                   nullptr);
  ASSERT_TRUE(world.Eventually("it is read", [&] { return SourceOf(world) == "True/Reading"; }));

  // A part of the storage that is away: answers come with HTTP 200, samples and a warning.
  prometheus.ReloadWithRemoteRead("http://127.0.0.1:9/read");
  ASSERT_TRUE(world.Eventually("the warning is told",
                               [&] { return SourceOf(world) == "False/IncompleteAnswer"; }));
  EXPECT_THAT(world.MessageOf("agentbudget", "daily", "SourceHealthy"),
              AllOf(HasSubstr("remote_read"), HasSubstr("mend that in Prometheus")));
  exporter.Add(world.ns(), "worker", "10.000000003");
  EXPECT_TRUE(world.Eventually("what is there is booked, and it stops", [&] {
    return world.Spent("daily") == "11.000000003" && world.Replicas("worker") == 0;
  }));
  EXPECT_EQ(SourceOf(world), "False/IncompleteAnswer");

  prometheus.ReloadWithRemoteRead("");
  EXPECT_TRUE(
      world.Eventually("it is complete again", [&] { return SourceOf(world) == "True/Reading"; }));
  EXPECT_EQ(world.Spent("daily"), "11.000000003");
}

TEST(SourcesTest, ACounterThatIsNotANumberHoldsUpNobodyElse) {
  World world("nan");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Deployment("worker", 5);
  world.Deployment("other", 2);
  world.Pool("team", {"worker", "other"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "1");
  exporter.Add(world.ns(), "other", "1");
  support::RunningOperator running(world.Config(prometheus.url()), world.cluster().kubeconfig(),
                                   nullptr);
  ASSERT_TRUE(world.Eventually("it is read", [&] {
    return world.Spent("daily") == "2" && SourceOf(world) == "True/Reading";
  }));

  exporter.Say(world.ns(), "worker", "NaN");
  ASSERT_TRUE(
      world.Eventually("the NaN is told", [&] { return MeterOf(world) == "False/NotANumber"; }));
  EXPECT_THAT(world.MessageOf("agentbudget", "daily", "Metered"),
              AllOf(HasSubstr("agent=\"worker\""), HasSubstr("correct the exporter"),
                    HasSubstr("selector in sources[].prometheus.metric")));
  exporter.Add(world.ns(), "other", "3");
  ASSERT_TRUE(world.Eventually("what the other spends is booked",
                               [&] { return world.Spent("daily") == "5"; }));
  EXPECT_EQ(SourceOf(world), "True/Reading");
  EXPECT_EQ(world.Replicas("worker"), 5);

  exporter.Add(world.ns(), "worker", "6.000000001");
  exporter.Say(world.ns(), "worker", "");
  ASSERT_TRUE(world.Eventually("the corrected counter is booked, and what the others spent", [&] {
    return world.Spent("daily") == "11.000000001" && SourceOf(world) == "True/Reading";
  }));
  EXPECT_TRUE(world.Eventually("it stops", [&] { return world.Replicas("worker") == 0; }));
}

TEST(SourcesTest, ASelectorLeavesOutACounterThatStaysNoNumber) {
  World world("nan-selector");
  support::Exporter exporter;
  support::Prometheus prometheus(support::Scraping(exporter));
  world.Pool("team", {"worker", "other"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "other", "1");
  exporter.Say(world.ns(), "worker", "NaN");
  exporter.Add(world.ns(), "worker", "0");
  auto config = world.Config(prometheus.url());
  {
    const support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
    ASSERT_TRUE(
        world.Eventually("the NaN is told", [&] { return MeterOf(world) == "False/NotANumber"; }));
  }
  config.sources[0].prometheus.metric = "agent_cost_usd_total{agent!=\"worker\"}";
  const support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
  EXPECT_TRUE(world.Eventually("the others are read", [&] {
    return MeterOf(world).starts_with("True") && SourceOf(world) == "True/Reading";
  }));
}

// Everything a Prometheus can ask for at once: a certificate of a private authority, one of the
// client, and a password. Each is read from its file again at every try.
TEST(SourcesTest, MutualTlsWithAPrivateAuthorityAndAPassword) {
  World world("mutual-tls");
  const auto servers = support::MakeCertificate("servers' authority", "", nullptr);
  const auto clients = support::MakeCertificate("clients' authority", "", nullptr);
  const auto server = support::MakeCertificate("prometheus", "IP:127.0.0.1", &servers);
  const auto client = support::MakeCertificate("purser", "", &clients);
  const auto file = [&](const std::string& name, const std::string& text) {
    const std::string path = world.folder() + "/" + name;
    std::ofstream(path, std::ios::trunc) << text;
    return path;
  };
  support::Exporter exporter;
  auto options = support::Scraping(exporter);
  // bcrypt of "open sesame", with few rounds.
  options.web_config =
      "tls_server_config:\n  cert_file: " + file("server.crt", server.certificate) +
      "\n  key_file: " + file("server.key", server.key) +
      "\n  client_ca_file: " + file("clients.crt", clients.certificate) +
      "\n  client_auth_type: RequireAndVerifyClientCert\n"
      "basic_auth_users: {purser: "
      "\"$2b$04$Bp7Xrl98Y2yWjy4iVoP6pOZJC4Qs/LU//LntD5T5zdbv9X3O1Vh4u\"}\n";
  support::Prometheus prometheus(options);
  world.Pool("team", {"worker"});
  world.Budget("daily", "limit: \"10\", window: {period: Month}", "{pools: [team]}");
  exporter.Add(world.ns(), "worker", "1.5");
  auto config = world.Config(prometheus.url());
  auto& auth = config.sources[0].prometheus.auth;
  auth.ca_file = file("ca.crt", clients.certificate);  // not that of the server
  auth.cert_file = file("client.crt", client.certificate);
  auth.key_file = file("client.key", client.key);
  auth.basic_username = "purser";
  auth.basic_password_file = file("password", "wrong\n");
  auth.headers = {{"X-Scope-OrgID", "team-a"}};
  const support::RunningOperator running(config, world.cluster().kubeconfig(), nullptr);
  const auto told = [&](const std::string& reason, const std::string& text) {
    return world.Eventually(reason + " is told: " + text, [&] {
      return SourceOf(world) == "False/" + reason &&
             world.MessageOf("agentbudget", "daily", "SourceHealthy").find(text) !=
                 std::string::npos;
    });
  };
  EXPECT_TRUE(told("PrometheusUnreachable", "server's certificate was refused"));
  file("ca.crt", servers.certificate);
  EXPECT_TRUE(told("PrometheusRefused", "check sources[].prometheus.auth"));
  file("password", "open sesame\n");
  EXPECT_TRUE(world.Eventually("it is read", [&] { return world.Spent("daily") == "1.5"; }));
  EXPECT_EQ(SourceOf(world), "True/Reading");

  // A certificate of another authority is refused by the server, once there is a new connection.
  const auto stranger = support::MakeCertificate("purser", "", &servers);
  file("client.key", stranger.key);
  file("client.crt", stranger.certificate);
  prometheus.Kill();
  prometheus.Start();
  EXPECT_TRUE(told("PrometheusUnreachable", "sources[].prometheus.auth.tls"));
  exporter.Add(world.ns(), "worker", "2");
  file("client.key", client.key);
  file("client.crt", client.certificate);
  EXPECT_TRUE(world.Eventually("it is read again", [&] { return world.Spent("daily") == "3.5"; }));
}

}  // namespace
}  // namespace purser::integration
