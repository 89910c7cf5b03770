#include "usage/prometheus/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace purser::usage {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr Timestamp kNoon{1'800'014'400s};

api::PrometheusConfig Config() {
  api::PrometheusConfig config;
  config.url = "http://prometheus:9090";
  config.metric = "cost{a=\"b\"}";
  return config;
}

net::HttpRequest Make(const api::PrometheusConfig& config, Timestamp at = kNoon) {
  auto query = MakeQuery(config, RangeExpression(config.metric, 45s), at);
  EXPECT_TRUE(std::holds_alternative<net::HttpRequest>(query));
  return std::get<net::HttpRequest>(query);
}

class CredentialFile {
 public:
  explicit CredentialFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "purser-query-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    if (file >= 0) close(file);
    path_ = pattern;
    Write(text);
  }
  ~CredentialFile() { std::filesystem::remove(path_); }
  void Write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Query, IsAFormWithItsOwnTime) {
  const auto request = Make(Config(), kNoon + 7ms);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "http://prometheus:9090/api/v1/query");
  EXPECT_EQ(request.body,
            "query=cost%7Ba%3D%22b%22%7D%5B45000ms%5D&time=1800014400.007&timeout=10000ms");
  EXPECT_THAT(request.headers, Contains(Pair("Content-Type", "application/x-www-form-urlencoded")));
  EXPECT_TRUE(request.idempotent);
  EXPECT_EQ(request.max_body_bytes, Config().max_response_bytes);
  EXPECT_EQ(request.timeout, 10s);
}

TEST(Query, KeepsThePrefixOfTheUrl) {
  auto config = Config();
  config.url = "https://mimir/prometheus/";
  EXPECT_EQ(Make(config).url, "https://mimir/prometheus/api/v1/query");
}

TEST(Query, AsksForTheBaselineAnHourBack) {
  EXPECT_EQ(LastExpression("cost", 1h), "last_over_time(cost[3600000ms])");
  EXPECT_EQ(Narrowed("cost", "agent", {"a", "b.c"}), R"(cost{agent=~"a|b\\.c"})");
  EXPECT_EQ(Narrowed(R"(cost{x="}"})", "agent", {R"(a"\)"}), R"(cost{x="}",agent=~"a\"\\\\"})");
  EXPECT_EQ(Narrowed("cost{ }", "agent", {"a"}), R"(cost{agent=~"a"})");
  EXPECT_EQ(Narrowed("", "__name__", {"a"}), R"({__name__=~"a"})");
}

TEST(Query, SendsCredentialsReadAnew) {
  const CredentialFile token("first\n");
  auto config = Config();
  config.auth.bearer_token_file = token.path();
  config.auth.headers = {{"X-Scope-OrgID", "team"}};
  EXPECT_THAT(Make(config).headers, Contains(Pair("Authorization", "Bearer first")));
  EXPECT_THAT(Make(config).headers, Contains(Pair("X-Scope-OrgID", "team")));
  token.Write("second\r\n");
  EXPECT_THAT(Make(config).headers, Contains(Pair("Authorization", "Bearer second")));
}

TEST(Query, SendsBasicCredentials) {
  const CredentialFile password("open sesame\n");
  auto config = Config();
  config.auth.basic_username = "Aladdin";
  config.auth.basic_password_file = password.path();
  EXPECT_THAT(Make(config).headers,
              Contains(Pair("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
  config.auth.basic_password_file.clear();
  EXPECT_THAT(Make(config).headers, Contains(Pair("Authorization", "Basic QWxhZGRpbjo=")));
}

TEST(Query, RefusesCredentialsThatCannotBeUsed) {
  const CredentialFile file("secret");
  auto config = Config();
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("secret\nX-Evil: 1"),
        std::string("secret\0more", 11), std::string(70'000, 's')}) {
    file.Write(text);
    for (const bool bearer : {true, false}) {
      config.auth = {};
      (bearer ? config.auth.bearer_token_file : config.auth.basic_password_file) = file.path();
      if (!bearer) config.auth.basic_username = "u";
      const auto query = MakeQuery(config, "x", kNoon);
      ASSERT_TRUE(std::holds_alternative<Problem>(query));
      const auto& problem = std::get<Problem>(query);
      EXPECT_EQ(problem.reason, reason::kRefused);
      EXPECT_THAT(problem.message, HasSubstr(file.path()));
      EXPECT_THAT(problem.message, Not(HasSubstr("secret")));
    }
  }
  config.auth = {};
  config.auth.bearer_token_file = "/nonexistent/token";
  EXPECT_THAT(std::get<Problem>(MakeQuery(config, "x", kNoon)).message,
              HasSubstr("cannot be opened"));
  config.auth.bearer_token_file = "/tmp";
  EXPECT_TRUE(std::holds_alternative<Problem>(MakeQuery(config, "x", kNoon)));
}

TEST(Response, IsToldByItsStatus) {
  const struct {
    int status;
    const char* body;
    std::string_view reason;
    const char* text;
  } cases[] = {
      {301, "", reason::kQueryFailed, "https://elsewhere/"},
      {400, R"({"status":"error","error":"parse error: unexpected"})", reason::kQueryFailed,
       "parse error: unexpected"},
      {401, "no", reason::kRefused, "auth"},
      {403, "no", reason::kRefused, "auth"},
      {404, "404 page not found", reason::kQueryFailed, "ends before /api/v1"},
      {405, "", reason::kQueryFailed, "ends before /api/v1"},
      {418, "tea\npot", reason::kQueryFailed, "it said: tea?pot"},
      {422, R"({"error":"too many samples"})", reason::kQueryFailed, "too many samples"},
      {429, "slow down", reason::kUnreachable, "slow down"},
      {500, R"({"error":5})", reason::kUnreachable, "it said"},
      {502, "<html>Bad Gateway</html>", reason::kUnreachable, "<html>Bad Gateway"},
      {503, "", reason::kUnreachable, "empty answer"},
      {204, "", reason::kQueryFailed, "HTTP 204"},
  };
  for (const auto& [status, body, reason, text] : cases) {
    const auto problem =
        CheckResponse(Config(), {status, {{"location", "https://elsewhere/"}}, body});
    ASSERT_TRUE(problem.has_value()) << status;
    EXPECT_EQ(problem->reason, reason) << status;
    EXPECT_THAT(problem->message, HasSubstr(text));
    EXPECT_THAT(problem->message, HasSubstr("http://prometheus:9090/api/v1/query"));
  }
  EXPECT_FALSE(CheckResponse(Config(), {200, {}, "anything"}));
  const auto longest = CheckResponse(Config(), {500, {}, std::string(100'000, 'x')});
  EXPECT_LT(longest->message.size(), 500u);
}

TEST(Response, TransportErrorsSayWhatToDo) {
  EXPECT_EQ(FromTransport(Config(), Error(ErrorCode::kUnavailable, "refused")).reason,
            reason::kUnreachable);
  EXPECT_THAT(FromTransport(Config(), Error(ErrorCode::kTimeout, "10 s")).message,
              HasSubstr("sources[].prometheus.url"));
  const auto large = FromTransport(Config(), Error(ErrorCode::kResourceExhausted, "large"));
  EXPECT_EQ(large.reason, reason::kIncomplete);
  EXPECT_THAT(large.message, HasSubstr("maxResponseBytes"));
}

}  // namespace
}  // namespace purser::usage
