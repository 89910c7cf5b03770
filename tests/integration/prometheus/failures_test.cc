// Servers that refuse, or that are no Prometheus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "reading.h"
#include "support/prometheus.h"
#include "support/raw_server.h"

namespace purser {
namespace {

using namespace std::chrono_literals;
using support::HttpAnswer;
using support::RawServer;
using ::testing::HasSubstr;
using ::testing::Not;
using State = ledger::SourceHealth::State;

constexpr const char* kNothing =
    R"({"status":"success","data":{"resultType":"vector","result":[]}})";

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

TEST(PrometheusFailures, BasicAuthentication) {
  const TemporaryFolder folder;
  support::PrometheusOptions options;
  // bcrypt of "open sesame", with few rounds.
  options.web_config =
      "basic_auth_users: {purser: "
      "\"$2b$04$Bp7Xrl98Y2yWjy4iVoP6pOZJC4Qs/LU//LntD5T5zdbv9X3O1Vh4u\"}\n";
  support::Prometheus prometheus(options);
  auto source = SourceAt(prometheus.url());
  source.prometheus.auth.basic_username = "purser";
  source.prometheus.auth.basic_password_file = folder.path() / "password";
  Reading reading(source, folder.path());
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "PrometheusRefused"));  // no file yet
  WriteFile(folder.path() / "password", "wrong\n");
  EXPECT_TRUE(reading.Eventually([&] {
    return reading.ledger().Health("default").message.find("HTTP 401") != std::string::npos;
  }));
  WriteFile(folder.path() / "password", "open sesame\n");
  EXPECT_TRUE(reading.EventuallyHealth(State::kNeverRead, "NoSeries")) << prometheus.LogTail();
}

TEST(PrometheusFailures, AWrongExpression) {
  const TemporaryFolder folder;
  support::Prometheus prometheus({});
  auto source = SourceAt(prometheus.url());
  source.prometheus.metric = "sum(agent_cost_usd_total)";
  Reading reading(source, folder.path());
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "QueryFailed"));
  const auto message = reading.ledger().Health("default").message;
  EXPECT_THAT(message, HasSubstr("parse error"));
  EXPECT_THAT(message, HasSubstr("sources[].prometheus.metric"));
}

TEST(PrometheusFailures, AWrongPath) {
  const TemporaryFolder folder;
  support::Prometheus prometheus({});
  Reading reading(SourceAt(prometheus.url() + "/api/v1"), folder.path());
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "QueryFailed"));
  EXPECT_THAT(reading.ledger().Health("default").message, HasSubstr("ends before /api/v1"));
}

TEST(PrometheusFailures, AnswersThatAreNoAnswers) {
  const TemporaryFolder folder;
  RawServer server(HttpAnswer(200, "text/html", "<html><body>Sign in</body></html>"));
  Reading reading(SourceAt(server.url()), folder.path());
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "BadAnswer"));
  server.SetAnswer(HttpAnswer(503, "text/html", "<html>Service Unavailable</html>"));
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "PrometheusUnreachable"));
  server.SetAnswer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\"");  // breaks off
  EXPECT_TRUE(reading.Eventually([&] {
    return reading.ledger().Health("default").message.find("Service Unavailable") ==
           std::string::npos;
  }));
  EXPECT_EQ(reading.ledger().Health("default").state, State::kLost);
  server.SetAnswer(HttpAnswer(302, "text/plain", ""));
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "QueryFailed"));
  // A vector suits the first reading, which asks for one; then series are asked for.
  server.SetAnswer(HttpAnswer(
      200, "application/json",
      R"({"status":"success","data":{"resultType":"vector","result":[]},"warnings":["shard down"]})"));
  EXPECT_TRUE(reading.Eventually([&] {
    return reading.ledger().Health("default").message.find("the result is a vector") !=
           std::string::npos;
  }));
  server.SetAnswer(HttpAnswer(
      200, "application/json",
      R"({"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["shard down"]})"));
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "IncompleteAnswer"));
  EXPECT_THAT(reading.ledger().Health("default").message, HasSubstr("shard down"));
  EXPECT_EQ(reading.Total(), Money());
}

TEST(PrometheusFailures, AnAnswerWithoutEnd) {
  const TemporaryFolder folder;
  RawServer server(HttpAnswer(200, "application/json", std::string(3'000'000, ' ')));
  auto source = SourceAt(server.url());
  source.prometheus.max_response_bytes = 1'000'000;
  Reading reading(source, folder.path());
  EXPECT_TRUE(reading.EventuallyHealth(State::kLost, "IncompleteAnswer"));
  EXPECT_THAT(reading.ledger().Health("default").message, HasSubstr("maxResponseBytes"));
}

TEST(PrometheusFailures, TheBearerTokenAndHeadersAreSent) {
  const TemporaryFolder folder;
  RawServer server(HttpAnswer(200, "application/json", kNothing));
  WriteFile(folder.path() / "token", "first-token\n");
  auto source = SourceAt(server.url());
  source.prometheus.auth.bearer_token_file = folder.path() / "token";
  source.prometheus.auth.headers = {{"X-Scope-OrgID", "team-a"}};
  Reading reading(source, folder.path());
  const auto sent = [&](const std::string& text) {
    return reading.Eventually(
        [&] { return server.last_request().find(text) != std::string::npos; });
  };
  EXPECT_TRUE(sent("Authorization:Bearer first-token\r\n")) << server.last_request();
  EXPECT_TRUE(sent("X-Scope-OrgID:team-a\r\n"));
  EXPECT_TRUE(sent("POST /api/v1/query "));
  WriteFile(folder.path() / "token", "rotated-token\n");
  EXPECT_TRUE(sent("Authorization:Bearer rotated-token\r\n"));
  EXPECT_THAT(reading.ledger().Health("default").message, Not(HasSubstr("token")));
}

}  // namespace
}  // namespace purser
