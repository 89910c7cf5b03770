#include "support/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace purser::support {
namespace {

bool Readable(int socket, int milliseconds) {
  pollfd wait{socket, POLLIN, 0};
  return poll(&wait, 1, milliseconds) > 0;
}

// Until it has been quiet for a moment: requests here are small and come at once.
std::string ReadRequest(int connection) {
  std::string request;
  char buffer[4096];
  while (Readable(connection, request.empty() ? 1000 : 50)) {
    const auto size = read(connection, buffer, sizeof buffer);
    if (size <= 0) break;
    request.append(buffer, static_cast<std::size_t>(size));
  }
  return request;
}

}  // namespace

RawServer::RawServer(std::string answer, std::uint16_t port) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](std::stop_token stop) { Serve(stop); });
}

RawServer::~RawServer() {
  thread_.request_stop();
  thread_.join();
  close(listener_);
}

std::string RawServer::last_request() const {
  const std::lock_guard lock(mutex_);
  return last_request_;
}

void RawServer::SetAnswer(std::string answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

void RawServer::Serve(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (!Readable(listener_, 20)) continue;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    std::string request = ReadRequest(connection);
    std::string answer;
    {
      const std::lock_guard lock(mutex_);
      if (!request.empty()) last_request_ = std::move(request);
      answer = answer_;
    }
    if (send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) answer.clear();
    close(connection);
  }
}

std::string HttpAnswer(int status, const std::string& type, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
         body;
}

}  // namespace purser::support
