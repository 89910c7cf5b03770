#include "support/http_exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace purser::support {

HttpConnection::HttpConnection(std::uint16_t port)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  }
}

HttpConnection::~HttpConnection() { close(socket_); }

void HttpConnection::Send(const std::string& text) const {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto size = send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;  // the answer tells why
    sent += static_cast<std::size_t>(size);
  }
}

std::string HttpConnection::ReadToEnd(std::chrono::milliseconds within) const {
  using Steady = std::chrono::steady_clock;
  const auto deadline = Steady::now() + within;
  std::string text;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
    pollfd wait{socket_, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) return text;
    char buffer[8192];
    const auto size = read(socket_, buffer, sizeof buffer);
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

std::string HttpExchange(std::uint16_t port, const std::string& request) {
  const HttpConnection connection(port);
  connection.Send(request);
  return connection.ReadToEnd();
}

}  // namespace purser::support
