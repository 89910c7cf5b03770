#include "kube/client.h"

#include <gmock/gmock.h>

#include <fstream>

#include "integration/kube/api_server.h"
#include "kube/credentials.h"

namespace purser::kube {
namespace {

using testing::HasSubstr;

class RealClientTest : public ApiServerTest {};

TEST_F(RealClientTest, CreatesReadsAndChanges) {
  Make("one", "a");
  EXPECT_THAT(*client_.Get(Path("one")), HasSubstr(R"("value":"a")"));
  const auto patched = client_.MergePatch(Path("one"), R"({"data":{"value":"b"}})");
  ASSERT_TRUE(patched.ok()) << patched.error().message();
  EXPECT_THAT(*patched, HasSubstr(R"("value":"b")"));
  EXPECT_THAT(*patched, HasSubstr(R"("manager":"purser")"));
  Remove("one");
  EXPECT_EQ(client_.Get(Path("one")).error().code(), ErrorCode::kNotFound);
}

TEST_F(RealClientTest, ErrorsAreTypedAndTellWhy) {
  Make("one", "a");
  const auto again = client_.Create(Collection(), ConfigMapJson("one", "a"));
  EXPECT_EQ(again.error().code(), ErrorCode::kAlreadyExists);
  const auto invalid = client_.Create(Collection(), ConfigMapJson("Not_A_Name", "a"));
  EXPECT_EQ(invalid.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(invalid.error().message(), HasSubstr("metadata.name"));
  EXPECT_EQ(client_.Create(Collection(), "nonsense").error().code(), ErrorCode::kInvalidArgument);
  const auto missing = client_.Get(Path("none"));
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("configmaps \"none\" not found"));
  EXPECT_EQ(client_.Get("/apis/no.such.group/v1/things").error().code(), ErrorCode::kNotFound);
}

TEST_F(RealClientTest, AnOldVersionIsAConflict) {
  const auto version = Make("one", "a");
  const std::string patch =
      R"({"metadata":{"resourceVersion":")" + version + R"("},"data":{"value":"b"}})";
  ASSERT_TRUE(client_.MergePatch(Path("one"), patch).ok());
  const auto second = client_.MergePatch(Path("one"), patch);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
}

TEST_F(RealClientTest, ApplyingTheSameChangesNothing) {
  const auto first = client_.Apply(Path("applied"), ConfigMapJson("applied", "a"));
  ASSERT_TRUE(first.ok()) << first.error().message();
  const auto second = client_.Apply(Path("applied"), ConfigMapJson("applied", "a"));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(VersionOf(*first), VersionOf(*second));
  const auto third = client_.Apply(Path("applied"), ConfigMapJson("applied", "b"));
  EXPECT_NE(VersionOf(*third), VersionOf(*second));
  // Taken from whoever set it before: forced.
  ASSERT_EQ(support::SharedCluster()
                .Kubectl({"apply", "--server-side", "--force-conflicts", "-n", ns_, "-f", "-"},
                         ConfigMapJson("applied", "theirs"))
                .code,
            0);
  const auto forced = client_.Apply(Path("applied"), ConfigMapJson("applied", "ours"));
  ASSERT_TRUE(forced.ok()) << forced.error().message();
  EXPECT_THAT(*forced, HasSubstr("ours"));
}

TEST_F(RealClientTest, ARefusedTokenIsReadAgain) {
  ASSERT_TRUE(client_
                  .Create("/api/v1/namespaces/" + ns_ + "/serviceaccounts",
                          R"({"metadata":{"name":"robot"}})")
                  .ok());
  const auto made = support::SharedCluster().Kubectl({"create", "token", "robot", "-n", ns_});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string file = support::SharedCluster().directory() + "/token-" + ns_;
  std::ofstream(file) << "expired";
  Connected robot("", [&](Access& access) {
    access.tls.certificate_pem.clear();
    access.tls.key_pem.clear();
    access.bearer = TokenFromFile(file);
  });
  EXPECT_EQ(robot.client->Get(Path("x")).error().code(), ErrorCode::kUnauthenticated);
  std::ofstream(file) << made.out;  // within the minute in which the file would not be read
  const auto answer = robot.client->Get(Path("x"));
  EXPECT_EQ(answer.error().code(), ErrorCode::kPermissionDenied) << answer.error().message();
  EXPECT_THAT(answer.error().message(), HasSubstr("system:serviceaccount:" + ns_ + ":robot"));
}

TEST_F(RealClientTest, RunsACredentialsProgram) {
  ASSERT_TRUE(client_
                  .Create("/api/v1/namespaces/" + ns_ + "/serviceaccounts",
                          R"({"metadata":{"name":"robot"}})")
                  .ok());
  const auto& cluster = support::SharedCluster();
  const std::string file = cluster.directory() + "/exec-" + ns_;
  std::ofstream(file)
      << "clusters: [{name: k, cluster: {server: " << cluster.server()
      << ", certificate-authority: certificates/authority.crt}}]\n"
         "contexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n"
         "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, "
         "command: bin/kubectl, args: [--kubeconfig="
      << cluster.kubeconfig() << ", create, token, robot, -n, " << ns_
      << ", "
         "'-o=jsonpath={\"{\\\"kind\\\":\\\"ExecCredential\\\",\\\"apiVersion\\\":\\\"client."
         "authentication.k8s.io/"
         "v1\\\",\\\"status\\\":{\\\"token\\\":\\\"\"}{.status.token}{\"\\\"}}\"}']}}}]\n";
  const auto access = LoadKubeconfig({file});
  ASSERT_TRUE(access.ok()) << access.error().message();
  net::CpprestOptions options;
  options.tls = LoadKubeconfig({cluster.kubeconfig()})->tls;
  options.tls.certificate_pem.clear();
  options.tls.key_pem.clear();
  const auto transport = std::move(net::MakeCpprestTransport(options)).value();
  Client robot(*transport, *access);
  const auto answer = robot.Get(Path("x"));
  EXPECT_EQ(answer.error().code(), ErrorCode::kPermissionDenied) << answer.error().message();
}

}  // namespace
}  // namespace purser::kube
