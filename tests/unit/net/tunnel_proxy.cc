#include "unit/net/tunnel_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace purser::support {
namespace {

constexpr int kLookEvery = 20;  // milliseconds

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool SendAll(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const auto sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

// One read from one side to the other; false at the end.
bool Carry(int from, int to) {
  char buffer[16384];
  const auto size = read(from, buffer, sizeof buffer);
  return size > 0 && SendAll(to, buffer, static_cast<std::size_t>(size));
}

}  // namespace

TunnelProxy::TunnelProxy(std::map<std::string, std::uint16_t> routes) : routes_(std::move(routes)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    while (!ending_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, kLookEvery) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) threads_.emplace_back([this, client] { Serve(client); });
    }
  });
}

TunnelProxy::~TunnelProxy() {
  ending_ = true;
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  close(listener_);
}

std::vector<std::string> TunnelProxy::heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

void TunnelProxy::Serve(int client) {
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n") && read(client, &byte, 1) == 1) head += byte;
  {
    const std::lock_guard lock(mutex_);
    heads_.push_back(head);
  }
  const auto space = head.find(' ');
  const auto end = head.find(' ', space + 1);
  const auto route = head.starts_with("CONNECT ") && end != std::string::npos
                         ? routes_.find(head.substr(space + 1, end - space - 1))
                         : routes_.end();
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = route != routes_.end() ? Loopback(route->second) : Loopback(0);
  std::string answer = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
  const bool connected =
      route != routes_.end() &&
      connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (connected) answer = "HTTP/1.1 200 Connection established\r\n\r\n";
  bool open = SendAll(client, answer.data(), answer.size()) && connected;
  while (open && !ending_) {
    pollfd waiting[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(waiting, 2, kLookEvery) <= 0) continue;
    if (waiting[0].revents != 0) open = Carry(client, server);
    if (open && waiting[1].revents != 0) open = Carry(server, client);
  }
  close(server);
  close(client);
}

}  // namespace purser::support
