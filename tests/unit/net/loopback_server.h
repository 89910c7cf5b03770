// A scripted server on 127.0.0.1: the test says byte by byte what each connection does. Plain or
// TLS.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace purser::support {

// Authority and certificates made on the spot (P-256).
struct CertificatePem {
  std::string certificate;
  std::string key;
};
// `issuer` null: self-signed authority. `names`: subjectAltName as OpenSSL writes it,
// "DNS:a,IP:127.0.0.1".
CertificatePem MakeCertificate(const std::string& common_name, const std::string& names,
                               const CertificatePem* issuer);

class Connection {
 public:
  explicit Connection(int socket, SSL* ssl, int number)
      : socket_(socket), ssl_(ssl), number_(number) {}
  ~Connection();

  // Head and body of the next request; empty when the peer closed.
  std::optional<std::string> ReadRequest();
  bool Write(std::string_view text);
  bool Respond(int status, std::string_view body, std::string_view extra_headers = "");
  // Waits until the peer closes; false after 5 s.
  bool WaitForClose();
  void Reset();                           // RST instead of an orderly end
  int number() const { return number_; }  // 0 for the first accepted
  std::string ServerName() const;         // SNI
  std::string PeerName() const;           // common name of the client's certificate

 private:
  long Read(char* data, std::size_t size);
  int socket_;
  SSL* ssl_;
  int number_;
  std::string pending_;
};

struct ServerTls {
  CertificatePem certificate;
  std::string client_ca;  // not empty: a client certificate is demanded
};

class LoopbackServer {
 public:
  using Script = std::function<void(Connection&)>;
  explicit LoopbackServer(Script script, std::optional<ServerTls> tls = std::nullopt);
  ~LoopbackServer();

  std::uint16_t port() const { return port_; }
  std::string Url(std::string_view path = "/", std::string_view host = "127.0.0.1") const;
  int connections() const { return connections_.load(); }

 private:
  void Accept();
  void Serve(int socket, int number);

  Script script_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace purser::support
