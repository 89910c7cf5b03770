#include "support/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace purser::support {

TlsClient::TlsClient(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      context_(SSL_CTX_new(TLS_client_method())),
      ssl_(SSL_new(context_)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  SSL_set_fd(ssl_, socket_);
  if (SSL_connect(ssl_) != 1) throw std::runtime_error("no handshake");
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close(socket_);
}

void TlsClient::Send(const std::string& text) const {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const int size = SSL_write(ssl_, text.data() + sent, static_cast<int>(text.size() - sent));
    if (size <= 0) return;  // the answer tells why
    sent += static_cast<std::size_t>(size);
  }
}

std::string TlsClient::ReadUntil(const std::string& end, std::chrono::milliseconds within) const {
  using Steady = std::chrono::steady_clock;
  const auto deadline = Steady::now() + within;
  std::string text;
  while (end.empty() || text.find(end) == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
    pollfd wait{socket_, POLLIN, 0};
    if (SSL_pending(ssl_) == 0 && (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0)) break;
    char buffer[8192];
    const int size = SSL_read(ssl_, buffer, sizeof buffer);
    if (size <= 0) break;
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}

std::string TlsClient::ServerName() const {
  X509* certificate = SSL_get1_peer_certificate(ssl_);
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  X509_free(certificate);
  return name;
}

std::string TlsExchange(std::uint16_t port, const std::string& request) {
  const TlsClient client(port);
  client.Send(request);
  return client.ReadToEnd();
}

}  // namespace purser::support
