#include "kube/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace purser::kube {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AccessTest : public testing::Test {
 protected:
  AccessTest() { fs::create_directories(folder_); }
  ~AccessTest() override {
    fs::remove_all(folder_);
    for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"})
      unsetenv(name);
  }

  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // A whole kubeconfig around one cluster's and one user's fields (in flow form).
  static std::string Config(const std::string& cluster, const std::string& user) {
    return "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
           "contexts: [{name: c, context: {cluster: k, user: u, namespace: agents}}]\n"
           "clusters: [{name: k, cluster: " +
           cluster + "}]\nusers: [{name: u, user: " + user + "}]\n";
  }
  Result<Access> Load(const std::string& cluster, const std::string& user) {
    return LoadKubeconfig({Write("config", Config(cluster, user))});
  }
  std::string Problem(const std::string& cluster, const std::string& user) {
    const auto access = Load(cluster, user);
    return access.ok() ? "accepted" : access.error().message();
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("purser-access-" + std::to_string(getpid()));
};

constexpr const char* kServer = "{server: https://api:6443}";

TEST_F(AccessTest, ReadsInlineCredentials) {
  const auto access = Load(
      "{server: 'https://API:6443/', certificate-authority-data: Q0E=, tls-server-name: "
      "kubernetes}",
      "{client-certificate-data: Q0VSVA==, client-key-data: S0VZ}");
  ASSERT_TRUE(access.ok()) << access.error().message();
  EXPECT_EQ(access->server, "https://api:6443");
  EXPECT_EQ(access->default_namespace, "agents");
  EXPECT_EQ(access->tls.ca_pem, "CA");
  EXPECT_EQ(access->tls.certificate_pem, "CERT");
  EXPECT_EQ(access->tls.key_pem, "KEY");
  EXPECT_EQ(access->tls.server_name, "kubernetes");
  EXPECT_FALSE(access->tls.insecure_skip_verify);
  EXPECT_FALSE(access->bearer);
}

TEST_F(AccessTest, ReadsFilesRelativeToItself) {
  Write("tokens/t", "secret\n");
  const auto access = Load(
      "{server: 'https://api:6443/prefix', certificate-authority: ca.crt, proxy-url: "
      "'http://proxy:3128'}",
      "{client-certificate: /abs/tls.crt, client-key: ../tls.key, tokenFile: tokens/t}");
  ASSERT_TRUE(access.ok()) << access.error().message();
  EXPECT_EQ(access->server, "https://api:6443/prefix");
  EXPECT_EQ(access->tls.ca_file, folder_ / "ca.crt");
  EXPECT_EQ(access->tls.certificate_file, "/abs/tls.crt");
  EXPECT_EQ(access->tls.key_file, folder_.parent_path() / "tls.key");
  EXPECT_EQ(access->proxy_url, "http://proxy:3128");
  EXPECT_EQ(*access->bearer(false), "secret");
}

TEST_F(AccessTest, ReadsTokensAndInsecure) {
  const auto access =
      Load("{server: 'https://api', insecure-skip-tls-verify: true}", "{token: t0ken}");
  ASSERT_TRUE(access.ok());
  EXPECT_TRUE(access->tls.insecure_skip_verify);
  EXPECT_EQ(*access->bearer(true), "t0ken");
}

TEST_F(AccessTest, RefusesWithTheFieldsName) {
  const struct {
    const char* cluster;
    const char* user;
    const char* want;
  } cases[] = {
      {"{}", "{}", "clusters[k].cluster.server: is missing"},
      {"{server: ftp://x}", "{}", "server: URL"},
      {"{server: 'https://a?b=c'}", "{}", "query"},
      {"{server: [a]}", "{}", "server: must be a string"},
      {"{server: https://a, certificate-authority-data: '***'}", "{}",
       "certificate-authority-data: is not base64"},
      {"{server: https://a, insecure-skip-tls-verify: yes}", "{}",
       "insecure-skip-tls-verify: must be true or false"},
      {"{server: https://a, insecure-skip-tls-verify: true, certificate-authority: x}", "{}",
       "contradicts"},
      {"{server: https://a, proxy-url: 'socks5://p'}", "{}", "proxy-url: proxy URL: only http://"},
      {"{server: https://a, server: https://b}", "{}", "server: is there twice"},
      {"[]", "{}", "must be a map"},
      {kServer, "{username: a, password: b}",
       "users[u].user.username: API servers no longer accept passwords"},
      {kServer, "{auth-provider: {name: gcp}}", "auth-provider: is no longer supported"},
      {kServer, "{token: a, as: root}", "user.as: impersonation is not supported"},
      {kServer, "{exec: {command: x}}", "exec.apiVersion: must be"},
      {kServer, "{exec: {apiVersion: client.authentication.k8s.io/v1}}",
       "exec.command: is missing"},
      {kServer,
       "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}",
       "terminal"},
      {kServer, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: {}}}",
       "args: must be a list"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(Problem(c.cluster, c.user), HasSubstr(c.want)) << c.cluster << c.user;
}

TEST_F(AccessTest, RefusesFilesThatAreNotKubeconfigs) {
  for (const char* text : {"", "[]", "a: [", "\t", "just text", "&a [*a]"}) {
    EXPECT_FALSE(LoadKubeconfig({Write("config", text)}).ok()) << text;
  }
  EXPECT_FALSE(LoadKubeconfig({Write("config", std::string(100'000, '['))}).ok());
  EXPECT_FALSE(LoadKubeconfig({Write("config", "a: " + std::string(2 << 20, 'x'))}).ok());
  EXPECT_FALSE(LoadKubeconfig({Write("config", "current-context: c\ncontexts: &a [*a]")}).ok());
  const auto missing = LoadKubeconfig({folder_ / "none"});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(LoadKubeconfig({Write("config", "kind: Config")}).error().message(),
              HasSubstr("current-context"));
  EXPECT_THAT(LoadKubeconfig({Write("config", "current-context: x")}).error().message(),
              HasSubstr("no context named 'x'"));
}

TEST_F(AccessTest, MergesFilesFirstOneWins) {
  const auto first =
      Write("one", "current-context: c\nclusters: [{name: k, cluster: {server: https://one}}]\n");
  const auto second =
      Write("sub/two", Config("{server: https://two, certificate-authority: ca}", "{token: t}"));
  const auto access = LoadKubeconfig({first, second});
  ASSERT_TRUE(access.ok()) << access.error().message();
  EXPECT_EQ(access->server, "https://one:443");
  EXPECT_EQ(*access->bearer(false), "t");
  EXPECT_FALSE(LoadKubeconfig({first, second}, "other").ok());

  setenv("KUBECONFIG", (first + "::/no/such/file:" + second).c_str(), 1);
  const auto found = DefaultAccess("");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->server, "https://one:443");
  EXPECT_EQ(DefaultAccess(second)->server, "https://two:443");
  setenv("KUBECONFIG", "/no/such/file", 1);
  EXPECT_EQ(DefaultAccess("").error().code(), ErrorCode::kNotFound);
}

TEST_F(AccessTest, NamesAFileThatCannotBeReached) {
  const auto loop = folder_ / ".kube";  // whoever asks, root included
  fs::create_symlink(loop, loop);
  const std::string file = loop / "config";
  const auto want = testing::AllOf(HasSubstr("'" + file + "': Too many levels of symbolic links"),
                                   HasSubstr("name a file that this user can read"));

  setenv("KUBECONFIG", ("/no/such/file:" + file).c_str(), 1);
  const auto named = DefaultAccess("");
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(named.error().message(), testing::AllOf(testing::StartsWith("KUBECONFIG: "), want));

  unsetenv("KUBECONFIG");
  const char* home = std::getenv("HOME");
  const std::string before = home == nullptr ? "" : home;
  setenv("HOME", folder_.c_str(), 1);
  const auto usual = DefaultAccess("");
  setenv("HOME", before.c_str(), 1);
  ASSERT_FALSE(usual.ok());
  EXPECT_THAT(usual.error().message(), want);
}

TEST_F(AccessTest, RunsAProgramOfTheKubeconfig) {
  const auto script =
      Write("bin/credentials",
            "#!/bin/sh\ncat <<END\n{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":"
            "\"ExecCredential\",\"status\":{\"token\":\"$1-$EXTRA-$(echo \"$KUBERNETES_EXEC_INFO\" "
            "| grep -c '\"server\":\"https://api:6443\"')\"}}\nEND\n");
  fs::permissions(script, fs::perms::owner_all);
  const auto access =
      Load(kServer,
           "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/credentials, args: "
           "[arg], "
           "provideClusterInfo: true, interactiveMode: Never, env: [{name: EXTRA, value: env}]}}");
  ASSERT_TRUE(access.ok()) << access.error().message();
  const auto token = access->bearer(false);
  ASSERT_TRUE(token.ok()) << token.error().message();
  EXPECT_EQ(*token, "arg-env-1");
}

TEST_F(AccessTest, InAPod) {
  EXPECT_EQ(InClusterAccess(folder_).error().code(), ErrorCode::kNotFound);
  setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_THAT(InClusterAccess(folder_).error().message(), HasSubstr("ca.crt"));
  Write("ca.crt", "PEM");
  EXPECT_THAT(InClusterAccess(folder_).error().message(), HasSubstr("token"));
  Write("token", "first");
  Write("namespace", "purser-system");
  const auto access = InClusterAccess(folder_);
  ASSERT_TRUE(access.ok()) << access.error().message();
  EXPECT_EQ(access->server, "https://10.96.0.1:443");
  EXPECT_EQ(access->default_namespace, "purser-system");
  EXPECT_EQ(access->tls.ca_file, folder_ / "ca.crt");
  EXPECT_EQ(*access->bearer(false), "first");
  Write("token", "second");
  EXPECT_EQ(*access->bearer(false), "first");  // within a minute
  EXPECT_EQ(*access->bearer(true), "second");
  fs::remove(folder_ / "token");
  EXPECT_EQ(*access->bearer(true), "second");  // a rotation under way

  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  Write("token", "third");
  EXPECT_EQ(InClusterAccess(folder_)->server, "https://kubernetes.default.svc:443");
}

}  // namespace
}  // namespace purser::kube
