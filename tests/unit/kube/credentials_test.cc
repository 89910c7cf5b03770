#include "kube/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <thread>
#include <vector>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/time_text.h"
#include "kube/subprocess.h"

namespace purser::kube {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

Result<std::string> Shell(const std::string& script, Duration timeout = seconds(10)) {
  return RunProgram({"sh", "-c", script}, {"PATH=/usr/bin:/bin", "A=b c"}, timeout);
}

TEST(SubprocessTest, RunsToTheEnd) {
  EXPECT_EQ(*Shell("printf '%s|%s' \"$A\" \"$HOME\"; echo ignored >&2"), "b c|");
  EXPECT_EQ(*Shell("cat"), "");  // no stdin
  EXPECT_EQ(Shell("head -c 300000 /dev/zero | tr '\\0' x")->size(), 300'000U);
}

TEST(SubprocessTest, TellsWhatWentWrong) {
  EXPECT_EQ(RunProgram({"/no/such/program"}, {}, seconds(1)).error().code(), ErrorCode::kNotFound);
  const auto failed = Shell("echo why >&2; exit 3");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message(), "sh: ended with code 3: why\n");
  EXPECT_THAT(Shell("kill -9 $$").error().message(), HasSubstr("signal 9"));
  EXPECT_EQ(Shell("cat /dev/zero").error().code(), ErrorCode::kResourceExhausted);
}

TEST(SubprocessTest, EndsAProgramAndItsChildrenInTime) {
  const auto started = std::chrono::steady_clock::now();
  const auto file = fs::temp_directory_path() / ("purser-child-" + std::to_string(getpid()));
  const auto late = Shell("sh -c 'sleep 1; touch " + file.string() + "' & sleep 30", Duration(100));
  EXPECT_EQ(late.error().code(), ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(5));
  // Pipes closed, but not ended.
  EXPECT_EQ(Shell("exec >&- 2>&-; sleep 30", Duration(100)).error().code(), ErrorCode::kTimeout);
  EXPECT_FALSE(fs::exists(file));
}

TEST(ExecCredentialTest, Decodes) {
  const auto decode = [](const std::string& status, const std::string& version = kVersion) {
    return DecodeExecCredential(
        R"({"kind":"ExecCredential","apiVersion":")" + version + R"(","status":)" + status + "}",
        kVersion);
  };
  const auto plain = decode(R"({"token":"t"})");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->token, "t");
  EXPECT_FALSE(plain->expires);
  EXPECT_EQ(decode(R"({"token":"t","expirationTimestamp":"2026-01-02T03:04:05Z"})")->expires,
            ParseRfc3339("2026-01-02T03:04:05Z"));
  EXPECT_THAT(decode(R"({"token":""})").error().message(), HasSubstr("status.token"));
  EXPECT_THAT(decode(R"({"token":"t","expirationTimestamp":"soon"})").error().message(),
              HasSubstr("expirationTimestamp"));
  EXPECT_THAT(decode(R"({"token":"t"})", "client.authentication.k8s.io/v1beta1").error().message(),
              HasSubstr("apiVersion"));
  EXPECT_THAT(decode(R"({"clientCertificateData":"x"})").error().message(),
              HasSubstr("not supported"));
  EXPECT_THAT(DecodeExecCredential("nonsense", kVersion).error().message(), HasSubstr("not JSON"));
  EXPECT_THAT(DecodeExecCredential("{}", kVersion).error().message(), HasSubstr("ExecCredential"));
}

TEST(ExecCredentialTest, RunsAgainOnlyWhenItMust) {
  const auto file = fs::temp_directory_path() / ("purser-exec-" + std::to_string(getpid()));
  fs::remove(file);
  // Counts its runs in a file; the token is the count.
  const auto program = [&](const std::string& expires) {
    ExecOptions options;
    options.api_version = kVersion;
    options.command = "sh";
    options.arguments = {
        "-c",
        "echo >> $COUNT; n=$(wc -l < $COUNT); echo "
        "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"" +
            std::string(kVersion) + "\",\"status\":{\"token\":\"'$n'\"" +
            (expires.empty() ? "" : ",\"expirationTimestamp\":\"" + expires + "\"") + "}}'"};
    options.environment = {{"COUNT", file}};
    return TokenFromProgram(std::move(options));
  };
  const auto forever = program("");
  EXPECT_EQ(*forever(false), "1");
  EXPECT_EQ(*forever(false), "1");
  EXPECT_EQ(*forever(true), "2");
  const auto expired = program("2001-01-01T00:00:00Z");
  EXPECT_EQ(*expired(false), "3");
  EXPECT_EQ(*expired(false), "4");
  const auto later = program("2101-01-01T00:00:00Z");
  EXPECT_EQ(*later(false), "5");
  EXPECT_EQ(*later(false), "5");
  fs::remove(file);
}

TEST(ExecCredentialTest, ManyThreadsShareOneRun) {
  const auto file = fs::temp_directory_path() / ("purser-exec-many-" + std::to_string(getpid()));
  fs::remove(file);
  ExecOptions options;
  options.api_version = kVersion;
  options.command = "sh";
  options.arguments = {"-c",
                       "sleep 0.3; echo >> $COUNT; n=$(wc -l < $COUNT); echo "
                       "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"" +
                           std::string(kVersion) + "\",\"status\":{\"token\":\"'$n'\"}}'"};
  options.environment = {{"COUNT", file}};
  const auto token = TokenFromProgram(options);
  EXPECT_EQ(*token(false), "1");
  std::vector<std::jthread> threads;
  std::vector<std::string> got(8);
  for (std::size_t i = 0; i < got.size(); ++i)
    threads.emplace_back([&, i] { got[i] = token(true).value(); });
  threads.clear();
  EXPECT_THAT(got, testing::Each("2"));
  fs::remove(file);
}

TEST(ExecCredentialTest, HintsHowToInstall) {
  ExecOptions options;
  options.api_version = kVersion;
  options.command = "no-such-credentials-program";
  options.install_hint = "apt install it";
  const auto token = TokenFromProgram(options)(false);
  ASSERT_FALSE(token.ok());
  EXPECT_THAT(token.error().message(), testing::AllOf(HasSubstr("no-such-credentials-program"),
                                                      HasSubstr("apt install it")));
}

}  // namespace
}  // namespace purser::kube
