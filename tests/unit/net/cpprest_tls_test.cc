#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "net/cpprest/cpprest_transport.h"
#include "unit/net/loopback_server.h"

namespace purser::net {
namespace {

using support::CertificatePem;
using support::Connection;
using support::LoopbackServer;
using support::MakeCertificate;
using testing::HasSubstr;

const CertificatePem& Authority() {
  static const CertificatePem authority = MakeCertificate("test authority", "", nullptr);
  return authority;
}

// Answers with what the handshake told: "sni=… peer=… host=…".
void TellHandshake(Connection& connection) {
  while (auto request = connection.ReadRequest()) {
    const auto host = request->find("Host: ");
    connection.Respond(
        200, "sni=" + connection.ServerName() + " peer=" + connection.PeerName() +
                 " host=" + request->substr(host + 6, request->find("\r\n", host) - host - 6));
  }
}

Result<HttpResponse> Get(const std::string& url, TlsOptions tls) {
  CpprestOptions options;
  options.tls = std::move(tls);
  options.use_proxy_environment = false;
  auto transport = MakeCpprestTransport(std::move(options));
  if (!transport) return transport.error();
  HttpRequest request;
  request.url = url;
  request.timeout = std::chrono::seconds(5);
  return (*transport)->Send(request, {});
}

TlsOptions Trusting(const CertificatePem& authority) {
  TlsOptions tls;
  tls.ca_pem = authority.certificate;
  return tls;
}

TEST(CpprestTlsTest, VerifiesNamesAndAddresses) {
  const struct {
    const char* names;
    const char* host;
    const char* server_name;
    const char* want;  // null: refused
  } cases[] = {
      {"DNS:localhost", "localhost", "", "sni=localhost "},
      {"IP:127.0.0.1", "127.0.0.1", "", "sni= "},  // no SNI for addresses
      {"DNS:localhost", "127.0.0.1", "", nullptr},
      {"IP:127.0.0.1", "localhost", "", nullptr},
      {"DNS:127.0.0.1", "127.0.0.1", "", nullptr},
      {"DNS:other", "localhost", "", nullptr},
      {"", "localhost", "", nullptr},  // the common name does not count
      {"DNS:kubernetes", "127.0.0.1", "kubernetes", "sni=kubernetes "},
      {"IP:127.0.0.1", "127.0.0.1", "kubernetes", nullptr},
      {"IP:10.0.0.1", "localhost", "10.0.0.1", "sni= "},
  };
  for (const auto& c : cases) {
    LoopbackServer server(
        TellHandshake, support::ServerTls{MakeCertificate("localhost", c.names, &Authority()), ""});
    auto tls = Trusting(Authority());
    tls.server_name = c.server_name;
    const auto response = Get(server.Url("/", c.host), tls);
    const std::string what = std::string(c.names) + " " + c.host + " " + c.server_name;
    if (c.want != nullptr) {
      ASSERT_TRUE(response.ok()) << what << ": " << response.error().message();
      EXPECT_THAT(response->body, HasSubstr(c.want)) << what;
    } else {
      ASSERT_FALSE(response.ok()) << what << ": " << response->body;
      EXPECT_EQ(response.error().code(), ErrorCode::kUnavailable);
      EXPECT_THAT(response.error().message(), HasSubstr("mismatch")) << what;
    }
  }
}

TEST(CpprestTlsTest, TrustsTheGivenAuthorityAlone) {
  const auto other = MakeCertificate("other authority", "", nullptr);
  LoopbackServer server(TellHandshake,
                        support::ServerTls{MakeCertificate("x", "DNS:localhost", &other), ""});
  const auto refused = Get(server.Url("/", "localhost"), Trusting(Authority()));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr("the server's certificate was refused"));

  // The system's authorities count only when none is given: SSL_CERT_FILE stands for them here.
  const auto file = std::filesystem::temp_directory_path() /
                    ("purser-tls-test-" + std::to_string(getpid()) + ".pem");
  std::ofstream(file) << other.certificate;
  setenv("SSL_CERT_FILE", file.c_str(), 1);
  EXPECT_FALSE(Get(server.Url("/", "localhost"), Trusting(Authority())).ok());
  EXPECT_TRUE(Get(server.Url("/", "localhost"), {}).ok());
  unsetenv("SSL_CERT_FILE");
  std::filesystem::remove(file);

  TlsOptions insecure;
  insecure.insecure_skip_verify = true;
  EXPECT_TRUE(Get(server.Url("/", "localhost"), insecure).ok());
}

TEST(CpprestTlsTest, PresentsAClientCertificateAndReadsFilesAnew) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("purser-tls-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto write = [&](const CertificatePem& pem) {
    std::ofstream(folder / "tls.crt") << pem.certificate;
    std::ofstream(folder / "tls.key") << pem.key;
  };
  LoopbackServer server(
      [](Connection& connection) {
        connection.ReadRequest();
        connection.Respond(200, connection.PeerName(), "Connection: close\r\n");
      },
      support::ServerTls{MakeCertificate("x", "DNS:localhost", &Authority()),
                         Authority().certificate});
  write(MakeCertificate("first", "", &Authority()));

  CpprestOptions options;
  options.tls = Trusting(Authority());
  options.tls.certificate_file = folder / "tls.crt";
  options.tls.key_file = folder / "tls.key";
  options.use_proxy_environment = false;
  const auto transport = std::move(MakeCpprestTransport(options)).value();
  HttpRequest request;
  request.url = server.Url("/", "localhost");
  const auto first = transport->Send(request, {});
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_EQ(first->body, "first");

  write(MakeCertificate("second", "", &Authority()));
  const auto second = transport->Send(request, {});
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ(second->body, "second");

  std::filesystem::remove(folder / "tls.key");
  const auto missing = transport->Send(request, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message(), HasSubstr("tls.key"));
  std::filesystem::remove_all(folder);

  EXPECT_FALSE(Get(server.Url("/", "localhost"), Trusting(Authority())).ok());
}

TEST(CpprestTlsTest, RefusesMaterialItCannotUse) {
  const auto good = MakeCertificate("x", "", &Authority());
  const auto other = MakeCertificate("y", "", &Authority());
  const auto message = [](TlsOptions tls) {
    const auto response = Get("https://localhost:1", std::move(tls));
    return response.ok() ? std::string("accepted") : response.error().message();
  };
  TlsOptions tls;
  tls.ca_pem = "nonsense";
  EXPECT_THAT(message(tls), HasSubstr("no certificate authority"));
  tls = {};
  tls.certificate_pem = good.certificate;
  EXPECT_THAT(message(tls), HasSubstr("together"));
  tls.key_pem = other.key;
  EXPECT_THAT(message(tls), HasSubstr("does not belong"));
  tls.key_pem = "nonsense";
  EXPECT_THAT(message(tls), HasSubstr("private key"));
  tls = {};
  tls.server_name = "a b";
  EXPECT_THAT(message(tls), HasSubstr("not a host name"));
}

TEST(CpprestTlsTest, GoesThroughAProxy) {
  LoopbackServer server(
      TellHandshake, support::ServerTls{MakeCertificate("x", "DNS:api.invalid", &Authority()), ""});
  // The tunnel: CONNECT, then bytes both ways. The name does not resolve here, so nothing bypasses
  // it.
  std::string connect;
  LoopbackServer proxy([&](Connection& connection) {
    connect = connection.ReadRequest().value_or("");
    connection.Respond(403, "no");
  });
  CpprestOptions options;
  options.tls = Trusting(Authority());
  options.proxy_url = "http://me:secret@127.0.0.1:" + std::to_string(proxy.port());
  const auto transport = std::move(MakeCpprestTransport(options)).value();
  HttpRequest request;
  request.url = "https://api.invalid:6443/version";
  request.timeout = std::chrono::seconds(5);
  const auto response = transport->Send(request, {});
  EXPECT_THAT(connect, testing::StartsWith("CONNECT api.invalid:6443 HTTP/1.1\r\n"));
  EXPECT_THAT(connect, HasSubstr("Proxy-Authorization: Basic bWU6c2VjcmV0"));
  EXPECT_TRUE(!response.ok() || response->status == 403);

  std::string direct;
  LoopbackServer plain([&](Connection& connection) {
    direct = connection.ReadRequest().value_or("");
    connection.Respond(200, "through");
  });
  options.proxy_url = "http://127.0.0.1:" + std::to_string(plain.port());
  request.url = "http://prometheus.invalid:9090/api/v1/query";
  const auto answered = std::move(MakeCpprestTransport(options)).value()->Send(request, {});
  ASSERT_TRUE(answered.ok()) << answered.error().message();
  EXPECT_EQ(answered->body, "through");
  EXPECT_THAT(direct,
              testing::StartsWith("GET http://prometheus.invalid:9090/api/v1/query HTTP/1.1\r\n"));
}

}  // namespace
}  // namespace purser::net
