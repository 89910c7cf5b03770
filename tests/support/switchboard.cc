#include "support/switchboard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

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

// One read from one side to the other; false at the end.
bool Carry(int from, int to) {
  char buffer[16384];
  const auto size = read(from, buffer, sizeof buffer);
  for (ssize_t sent = 0; sent < size;) {
    const auto now = send(to, buffer + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return size > 0;
}

}  // namespace

Switchboard::Switchboard(std::uint16_t server) : server_(server) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("the switchboard cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    while (!ending_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, kLookEvery) <= 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) threads_.emplace_back([this, client] { Forward(client); });
    }
  });
}

Switchboard::~Switchboard() {
  ending_ = true;
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  close(listener_);
}

void Switchboard::Forward(int client) const {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = Loopback(server_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
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
