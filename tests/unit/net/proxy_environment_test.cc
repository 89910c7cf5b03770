// The transport as production makes it, with the proxy variables in the environment and a proxy
// that really tunnels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "net/cpprest/cpprest_transport.h"
#include "unit/net/loopback_server.h"
#include "unit/net/tunnel_proxy.h"

namespace purser::net {
namespace {

using support::CertificatePem;
using support::Connection;
using support::LoopbackServer;
using support::MakeCertificate;
using support::TunnelProxy;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// None of the proxy variables but those given, until the end of the test.
class Environment {
 public:
  explicit Environment(std::initializer_list<std::pair<const char*, std::string>> variables) {
    for (const char* name :
         {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"}) {
      const char* value = getenv(name);
      if (value != nullptr) before_.emplace_back(name, value);
      unsetenv(name);
    }
    for (const auto& [name, value] : variables) {
      setenv(name, value.c_str(), 1);
      given_.emplace_back(name);
    }
  }
  ~Environment() {
    for (const auto& name : given_) unsetenv(name.c_str());
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::string> given_;
  std::vector<std::pair<std::string, std::string>> before_;
};

class ProxyEnvironmentTest : public testing::Test {
 protected:
  ProxyEnvironmentTest()
      : authority_(MakeCertificate("test authority", "", nullptr)),
        api_(TellName,
             support::ServerTls{MakeCertificate("x", "DNS:api.invalid", &authority_), ""}),
        proxy_({{"api.invalid:6443", api_.port()}}) {}

  static void TellName(Connection& connection) {
    while (auto request = connection.ReadRequest())
      connection.Respond(200, "sni=" + connection.ServerName());
  }

  Result<HttpResponse> Get(const std::string& url) const {
    CpprestOptions options;
    options.tls.ca_pem = authority_.certificate;
    auto transport = MakeCpprestTransport(std::move(options));
    if (!transport) return transport.error();
    HttpRequest request;
    request.url = url;
    request.timeout = std::chrono::seconds(5);
    auto first = (*transport)->Send(request, {});
    if (!first) return first;
    return (*transport)->Send(request, {});  // and over the connection that is open
  }

  CertificatePem authority_;
  LoopbackServer api_;
  TunnelProxy proxy_;
};

TEST_F(ProxyEnvironmentTest, HttpsGoesThroughTheTunnelEndToEnd) {
  const Environment environment({{"HTTPS_PROXY", "http://me:secret@" + proxy_.address()},
                                 {"HTTP_PROXY", "http://127.0.0.1:9"}});
  const auto response = Get("https://api.invalid:6443/version");
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "sni=api.invalid") << "the certificate is checked behind the proxy";
  const auto heads = proxy_.heads();
  ASSERT_FALSE(heads.empty());
  for (const auto& head : heads) {
    EXPECT_THAT(head, StartsWith("CONNECT api.invalid:6443 HTTP/1.1\r\n"));
    EXPECT_THAT(head, HasSubstr("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
  }
}

TEST_F(ProxyEnvironmentTest, LowerCaseWinsAndAFailingProxyIsTold) {
  const Environment environment(
      {{"HTTPS_PROXY", "http://" + proxy_.address()}, {"https_proxy", "http://127.0.0.1:9"}});
  EXPECT_FALSE(Get("https://api.invalid:6443/version").ok());
  EXPECT_THAT(proxy_.heads(), IsEmpty());
}

TEST_F(ProxyEnvironmentTest, AProxyThatRefusesIsNoAnswerOfTheServer) {
  const Environment environment({{"HTTPS_PROXY", proxy_.address()}});
  const auto response = Get("https://other.invalid:6443/version");
  EXPECT_TRUE(!response.ok() || response->status == 502);
  EXPECT_EQ(api_.connections(), 0);
}

TEST_F(ProxyEnvironmentTest, NoProxyGoesDirectly) {
  const Environment environment(
      {{"HTTPS_PROXY", "http://" + proxy_.address()}, {"NO_PROXY", "10.0.0.0/8, .invalid"}});
  // The name leads nowhere but through the proxy.
  EXPECT_FALSE(Get("https://api.invalid:6443/version").ok());
  EXPECT_THAT(proxy_.heads(), IsEmpty());
}

TEST_F(ProxyEnvironmentTest, LoopbackIsNeverProxied) {
  LoopbackServer plain([](Connection& connection) {
    while (auto request = connection.ReadRequest()) connection.Respond(200, "direct");
  });
  const Environment environment({{"HTTPS_PROXY", "http://" + proxy_.address()},
                                 {"HTTP_PROXY", "http://" + proxy_.address()},
                                 {"http_proxy", "http://" + proxy_.address()}});
  const auto response = Get(plain.Url("/metrics"));
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "direct");
  EXPECT_THAT(proxy_.heads(), IsEmpty());
}

TEST_F(ProxyEnvironmentTest, AVariableThatIsNoProxyIsNamed) {
  const Environment environment({{"https_proxy", "socks5://127.0.0.1:1080"}});
  const auto transport = MakeCpprestTransport({});
  ASSERT_FALSE(transport.ok());
  EXPECT_THAT(transport.error().message(), HasSubstr("https_proxy"));
  EXPECT_THAT(transport.error().message(), HasSubstr("only http:// proxies"));
}

}  // namespace
}  // namespace purser::net
